import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chiSquareSurvival,
  constrainedBaseOnly,
  mcnemar,
  newcombe,
  requiredN,
  tango,
  tangoScore,
  wald,
  wilson,
} from './index.ts'

// Independent numbers: scipy and hand-written references, recorded once.
const CASES = [
  {
    ...{ b: 12, c: 3, n: 1000, margin: 0.02, z: 2.2609378782340115, p: 0.011881552071915312 },
    ...{ ci95: [-0.018212329512182258, -0.0016237288521952357], ci90: [-0.01646079734354884, -0.002907845974317434] },
    ...{ exact: 0.03515625, chi2: 5.4, corrected: 4.266666666666667, midP: 0.02127075195312501 },
    ...{ p10: 0.02203526850290693, se: 0.003862512135903265 },
  },
  {
    ...{ b: 30, c: 22, n: 1000, margin: 0.02, z: 1.6083213495743625, p: 0.05388240858416597 },
    ...{ ci95: [-0.022804736512785195, 0.006344979441788617], ci90: [-0.0202874360526236, 0.003955745693299029] },
    ...{ exact: 0.3317497633694906, chi2: 1.2307692307692308, midP: 0.2716791660655035 },
    ...{ corrected: 0.9423076923076923, p10: 0.03803471907039275, se: 0.007206663583101406 },
  },
  {
    ...{ b: 5, c: 0, n: 200, margin: 0.05, z: 1.6222142113076254, p: 0.052378744924865314 },
    ...{ ci95: [-0.05717834040664207, -0.00568354046329963], ci90: [-0.05045877652881357, -0.011319160328807282] },
    ...{ exact: 0.0625, chi2: 5, corrected: 3.2, midP: 0.03125, p10: 0.05, se: 0.01103970108290981 },
  },
  {
    ...{ b: 0, c: 0, n: 300, margin: 0.01, z: 1.7407765595569784, p: 0.04086137614932966 },
    ...{ ci95: [-0.012642971224546034, 0.012642971224546034], ci90: [-0.008937872175498244, 0.008937872175498242] },
    ...{ exact: 1, chi2: 0, corrected: 0, midP: 1, p10: 0.01, se: 0 },
  },
]

describe.each(CASES)('$b / $c of $n', (one) => {
  const { b, c, n, margin, z, p, ci95, ci90, exact, chi2, corrected, midP, p10, se } = one
  const counts = { baseOnly: b, candidateOnly: c, n, margin }
  test('tango', () => {
    const at05 = tango({ ...counts, alpha: 0.05 })
    expect(at05.z).toBeCloseTo(z, 9)
    expect(at05.p).toBeCloseTo(p, 10)
    expect(at05.ci[0]).toBeCloseTo(ci95[0]!, 10)
    expect(at05.ci[1]).toBeCloseTo(ci95[1]!, 10)
    // The one-sided 95 % bounds are the ends of the two-sided 90 % interval.
    expect(at05.lowerBound).toBeCloseTo(ci90[0]!, 10)
    expect(at05.upperBound).toBeCloseTo(ci90[1]!, 10)
    expect(tango({ ...counts, alpha: 0.1 }).ci[0]).toBeCloseTo(ci90[0]!, 10)
  })
  test('mcnemar', () => {
    const result = mcnemar({ baseOnly: b, candidateOnly: c })
    expect(result.exact).toBeCloseTo(exact, 10)
    expect(result.chi2).toBeCloseTo(chi2, 10)
    expect(result.chi2Corrected).toBeCloseTo(corrected, 10)
    expect(result.midP).toBeCloseTo(midP, 10)
  })
  test('the estimate under the margin, and Wald', () => {
    expect(constrainedBaseOnly(counts, -margin)).toBeCloseTo(p10, 10)
    const plain = wald(counts)
    expect(plain.standardError).toBeCloseTo(se, 12)
    expect(plain.difference).toBeCloseTo((c - b) / n, 12)
    expect((plain.ci[1] - plain.ci[0]) / 2).toBeCloseTo(1.959963984540054 * se, 12)
  })
})

test('published tables: Agresti (1600 approvals), Bentur (airway)', () => {
  const agresti = tango({ baseOnly: 150, candidateOnly: 86, n: 1600, margin: 0.05, alpha: 0.05 })
  expect(agresti.ci[0]).toBeCloseTo(-0.05899803330568895, 9)
  expect(agresti.ci[1]).toBeCloseTo(-0.02136156475478724, 9)
  expect(mcnemar({ baseOnly: 150, candidateOnly: 86 }).chi2).toBeCloseTo(17.35593220338983, 9)
  const squared = newcombe({ bothRight: 794, baseOnly: 150, candidateOnly: 86, n: 1600 })
  expect(squared.difference).toBeCloseTo(-0.04, 12)
  expect(squared.ci[0]).toBeCloseTo(-0.058703872895728836, 9)
  expect(squared.ci[1]).toBeCloseTo(-0.021230423982877014, 9)

  // Bentur's table counts the first test first: base-only is 1, candidate-only is 7.
  const bentur = tango({ baseOnly: 1, candidateOnly: 7, n: 21, margin: 0.1, alpha: 0.05 })
  expect(-bentur.ci[1]).toBeCloseTo(-0.5172322764212658, 9)
  expect(-bentur.ci[0]).toBeCloseTo(-0.026003032480949328, 9)
  const pairs = mcnemar({ baseOnly: 1, candidateOnly: 7 })
  expect(pairs.exact).toBeCloseTo(0.0703125, 10)
  expect(chiSquareSurvival(pairs.chi2, 1)).toBeCloseTo(0.033894853524689295, 12)
  expect(pairs.midP).toBeCloseTo(0.0390625, 10)
  // A baseline that is always right: nothing joins the two, and Wilson's limits add up as squares.
  const always = newcombe({ bothRight: 8, baseOnly: 2, candidateOnly: 0, n: 10 })
  const [low8, high8] = wilson({ successes: 8, n: 10 })
  const [low10] = wilson({ successes: 10, n: 10 })
  expect(always.ci[0]).toBeCloseTo(-0.2 - (0.8 - low8), 12)
  expect(always.ci[1]).toBeCloseTo(-0.2 + Math.hypot(high8 - 0.8, 1 - low10), 12)
  const joined = newcombe({ bothRight: 1, baseOnly: 1, candidateOnly: 7, n: 21 })
  expect(-joined.ci[1]).toBeCloseTo(-0.506920226686141, 9)
  expect(-joined.ci[0]).toBeCloseTo(-0.02555912416485978, 9)
})

describe('tango at the edges', () => {
  test('no rows: nothing is known', () => {
    expect(tango({ baseOnly: 0, candidateOnly: 0, n: 0, margin: 0.01, alpha: 0.05 })).toEqual({
      z: 0,
      p: 1,
      ci: [-1, 1],
      lowerBound: -1,
      upperBound: 1,
    })
  })
  test('every row lost, every row won', () => {
    const lost = tango({ baseOnly: 10, candidateOnly: 0, n: 10, margin: 0.01, alpha: 0.05 })
    expect(lost.ci[0]).toBe(-1)
    expect(lost.ci[1]).toBeGreaterThan(-1)
    expect(lost.ci[1]).toBeLessThan(-0.4)
    const won = tango({ baseOnly: 0, candidateOnly: 10, n: 10, margin: 0.01, alpha: 0.05 })
    expect(won.ci[0]).toBeCloseTo(-lost.ci[1], 12)
    expect(won.ci[1]).toBe(1)
  })
  test('one row', () => {
    const one = tango({ baseOnly: 0, candidateOnly: 0, n: 1, margin: 0.01, alpha: 0.05 })
    expect(one.lowerBound).toBeLessThan(-0.7)
    expect(one.p).toBeGreaterThan(0.4)
  })
  test('impossible counts are refused', () => {
    expect(() => tango({ baseOnly: 3, candidateOnly: 3, n: 5, margin: 0.01, alpha: 0.05 })).toThrow(RangeError)
    expect(() => tango({ baseOnly: -1, candidateOnly: 0, n: 5, margin: 0.01, alpha: 0.05 })).toThrow(/baseOnly/)
    expect(() => tango({ baseOnly: Number.NaN, candidateOnly: 0, n: 5, margin: 0.01, alpha: 0.05 })).toThrow(/whole/)
    const one = { baseOnly: 1, candidateOnly: 0, n: 5, margin: 0.01, alpha: 0.05 }
    for (const alpha of [0, 1]) expect(() => tango({ ...one, alpha })).toThrow(/alpha/)
    for (const margin of [-0.01, 1]) expect(() => tango({ ...one, margin })).toThrow(/margin/)
    expect(() => tango({ ...one, designEffect: 0.9 })).toThrow(/design effect/)
    for (const of of [mcnemar, wald, newcombe]) {
      expect(() => of({ bothRight: 0, baseOnly: -1, candidateOnly: 0, n: 5 })).toThrow(/baseOnly/)
      if (of !== mcnemar) expect(() => of({ bothRight: 0, baseOnly: 3, candidateOnly: 3, n: 5 })).toThrow(RangeError)
    }
    expect(() => wald({ ...one, alpha: 1 })).toThrow(/alpha/)
  })
  test('no rows: no estimate of Wald, and all that is possible', () => {
    const counts = { baseOnly: 0, candidateOnly: 0, n: 0 }
    expect(wald(counts)).toEqual({ difference: Number.NaN, standardError: Number.NaN, ci: [-1, 1] })
    expect(newcombe({ ...counts, bothRight: 0 }).ci).toEqual([-1, 1])
  })
  test('rows that move together by two count as half as many', () => {
    const test = { margin: 0.02, alpha: 0.05 }
    const pairs = tango({ baseOnly: 24, candidateOnly: 6, n: 2000, designEffect: 2, ...test })
    expect(pairs).toEqual(tango({ baseOnly: 12, candidateOnly: 3, n: 1000, ...test }))
  })
  test('the score at the estimate is 0, with no discordant row too', () => {
    expect(tangoScore({ baseOnly: 7, candidateOnly: 2, n: 10 }, -0.5)).toBe(0)
    expect(tangoScore({ baseOnly: 0, candidateOnly: 0, n: 10 }, 0)).toBe(0)
  })
  test('the constrained estimate solves its quadratic to all digits, where the plain formula loses half', () => {
    // 2n·p² + ((2n + b − c)·δ − (b + c))·p = bδ(1 − δ) at b = 1, c = 0, n = 10⁹, δ = 0.3.
    const p = constrainedBaseOnly({ baseOnly: 1, candidateOnly: 0, n: 1e9 }, 0.3)
    expect((2e9 * p * p + ((2e9 + 1) * 0.3 - 1) * p) / (0.3 * 0.7)).toBeCloseTo(1, 12)
  })
  const table = fc
    .tuple(fc.nat(400), fc.nat(400), fc.nat(3000))
    .map(([b, c, same]) => ({ baseOnly: b, candidateOnly: c, n: b + c + same + 1 }))
  test('the bound and the p-value agree; bounds are ordered, within range, and mirror when models swap', () => {
    fc.assert(
      fc.property(table, fc.double({ min: 0.001, max: 0.3, noNaN: true }), (counts, margin) => {
        const result = tango({ ...counts, margin, alpha: 0.05 })
        if (Math.abs(result.p - 0.05) > 1e-9) expect(result.lowerBound > -margin).toBe(result.p < 0.05)
        const delta = (counts.candidateOnly - counts.baseOnly) / counts.n
        const order = [-1, result.ci[0], result.lowerBound, delta, result.upperBound, result.ci[1], 1]
        for (let i = 1; i < order.length; i++) expect(order[i]!).toBeGreaterThanOrEqual(order[i - 1]! - 1e-12)
        const swapped = tango({
          baseOnly: counts.candidateOnly,
          candidateOnly: counts.baseOnly,
          n: counts.n,
          margin,
          alpha: 0.05,
        })
        expect(swapped.ci[0]).toBeCloseTo(-result.ci[1], 9)
      }),
      { numRuns: 300, seed: 1 },
    )
  })
  test('the score at an end of the interval is the normal quantile', () => {
    fc.assert(
      fc.property(table, (counts) => {
        const { ci } = tango({ ...counts, margin: 0.01, alpha: 0.05 })
        expect(tangoScore(counts, ci[0])).toBeCloseTo(1.959963984540054, 5)
        expect(tangoScore(counts, ci[1])).toBeCloseTo(-1.959963984540054, 5)
      }),
      { numRuns: 200, seed: 2 },
    )
  })
})

test('mcnemar without discordant rows, and one-sided', () => {
  expect(mcnemar({ baseOnly: 0, candidateOnly: 0 })).toEqual({
    exact: 1,
    midP: 1,
    chi2: 0,
    chi2Corrected: 0,
    midPWorse: 1,
  })
  expect(mcnemar({ baseOnly: 12, candidateOnly: 3 }).midPWorse).toBeCloseTo(0.02127075195312501 / 2, 12)
  expect(mcnemar({ baseOnly: 3, candidateOnly: 12 }).midPWorse).toBeCloseTo(1 - 0.02127075195312501 / 2, 12)
  expect(mcnemar({ baseOnly: 4, candidateOnly: 4 })).toMatchObject({ exact: 1, midP: 1, chi2: 0, chi2Corrected: 0 })
  // Both ways alike: (9 − 1)² / 15.
  expect(mcnemar({ baseOnly: 3, candidateOnly: 12 }).chi2Corrected).toBeCloseTo(64 / 15, 12)
})

test('requiredN', () => {
  expect(requiredN({ discordance: 0.02, margin: 0.01, alpha: 0.05, power: 0.8 })).toBe(1237)
  expect(requiredN({ discordance: 0.05, margin: 0.01, alpha: 0.05 })).toBe(3092)
  expect(requiredN({ discordance: 0, margin: 0.01, alpha: 0.05 })).toBe(268)
  // Nothing can lose more than all.
  expect(requiredN({ discordance: 0.05, margin: 1, alpha: 0.05 })).toBe(1)
  expect(requiredN({ discordance: 0, margin: 2, alpha: 0.05 })).toBe(1)
  expect(requiredN({ discordance: 1, margin: 1, alpha: 0.05 })).toBe(1)
  // A test that passes by chance more often than not: z is below 0, and one row is the least there is.
  expect(requiredN({ discordance: 0, margin: 0.01, alpha: 0.6 })).toBe(1)
  // z² · 99 of α = 0.4: 0.2533471² · 99 = 6.35.
  expect(requiredN({ discordance: 0, margin: 0.01, alpha: 0.4 })).toBe(7)
  const asked = { discordance: 0.1, margin: 0.01, alpha: 0.05 }
  for (const discordance of [-0.1, 1.1]) expect(() => requiredN({ ...asked, discordance })).toThrow(/discordance/)
  expect(() => requiredN({ ...asked, margin: 0 })).toThrow(/margin/)
  expect(() => requiredN({ ...asked, alpha: 1 })).toThrow(/alpha/)
  expect(() => requiredN({ ...asked, power: 1 })).toThrow(/power/)
  // 268 is exactly where Tango's bound crosses the margin when nothing changes.
  const unchanged = (n: number) => tango({ baseOnly: 0, candidateOnly: 0, n, margin: 0.01, alpha: 0.05 }).lowerBound
  expect(unchanged(268)).toBeGreaterThan(-0.01)
  expect(unchanged(267)).toBeLessThan(-0.01)
})
