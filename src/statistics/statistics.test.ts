import { describe, expect, test } from 'vitest'
import {
  allowedOvers,
  benjaminiHochberg,
  benjaminiYekutieli,
  betaCdf,
  betaQuantile,
  binomialCdf,
  binomialPmf,
  binomialQuantile,
  bootstrap,
  chiSquareSurvival,
  clopperPearson,
  clusteredStandardError,
  delongPaired,
  earlyStopping,
  eProcess,
  holm,
  hommel,
  jensenShannon,
  maxT,
  mean,
  median,
  normalQuantile,
  normalSurvival,
  orderStatisticInterval,
  pairedBootstrap,
  pairedT,
  populationStability,
  randomSource,
  rowsToShow,
  signFlip,
  squaredDeviations,
  standardNormal,
  studentQuantile,
  studentSurvival,
  upperProportion,
  wilcoxon,
  wilson,
} from './index.ts'

const close = (actual: readonly number[], expected: readonly number[], digits = 9) => {
  expect(actual.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) expect(actual[i], `at ${i}`).toBeCloseTo(value, digits)
}

test('distribution functions equal scipy', () => {
  expect(normalQuantile(0.95)).toBeCloseTo(1.6448536269514722, 12)
  expect(normalSurvival(8) / 6.22096057427174e-16).toBeCloseTo(1, 10)
  expect(betaCdf(0.97, 24000.5, 600.25) / 4.886562287312014e-8).toBeCloseTo(1, 9)
  expect(betaQuantile(0.01, 9000, 1001)).toBeCloseTo(0.89281191347641, 11)
  expect(binomialCdf(3, 15, 0.5)).toBeCloseTo(0.017578125, 12)
  expect(binomialPmf(70, 1000, 0.06)).toBeCloseTo(0.021236661864721576, 12)
  expect(chiSquareSurvival(5.4, 1)).toBeCloseTo(0.02013675155034633, 12)
  expect(binomialQuantile(0.025, 100, 0.9)).toBe(84)
})

test('proportions', () => {
  close(wilson({ successes: 8, n: 10 }), [0.49016247153664183, 0.9433178485456247])
  close(clopperPearson({ successes: 8, n: 10 }), [0.4439045376923585, 0.9747892736731666])
  expect(clopperPearson({ successes: 0, n: 0 })).toEqual([0, 1])
  expect(wilson({ successes: 0, n: 0 })).toEqual([0, 1])
  // At the ends the limits are the ends, and Wilson's other one is n / (n + z²) of the way.
  const z2 = normalQuantile(0.975) ** 2
  expect(wilson({ successes: 0, n: 10 })).toEqual([0, expect.closeTo(z2 / (10 + z2), 12)])
  expect(wilson({ successes: 10, n: 10 })).toEqual([expect.closeTo(10 / (10 + z2), 12), 1])
  for (const of of [wilson, clopperPearson, upperProportion]) {
    expect(() => of({ successes: 3, n: 2 })).toThrow(/3 successes in 2/)
    expect(() => of({ successes: 0.5, n: 2 })).toThrow(/successes/)
    expect(() => of({ successes: 1, n: 2, alpha: 1 })).toThrow(/alpha/)
  }
  // Zero of n: the closed form 1 − α^(1/n).
  expect(upperProportion({ successes: 0, n: 300 })).toBeCloseTo(1 - 0.05 ** (1 / 300), 12)
  expect(upperProportion({ successes: 5, n: 5 })).toBe(1)
  const enough = rowsToShow(0.01, 0.05)
  expect([enough - 1, enough].map((n) => upperProportion({ successes: 0, n }) <= 0.01)).toEqual([false, true])
})

test('adjusted p-values equal statsmodels', () => {
  const p = [0.001, 0.008, 0.012, 0.03, 0.04, 0.2, 0.6]
  close(holm(p), [0.007, 0.048, 0.06, 0.12, 0.12, 0.4, 0.6], 12)
  close(benjaminiHochberg(p), [0.007, 0.028, 0.028, 0.0525, 0.056, 0.23333333333333336, 0.6], 12)
  close(benjaminiYekutieli(p), [0.01815, 0.0726, 0.0726, 0.136125, 0.1452, 0.605, 1], 12)
  close(hommel(p), [0.007, 0.04, 0.06, 0.09, 0.12, 0.4, 0.6], 12)
  close(hommel([0.6, 0.04, 0.001]), [0.6, 0.08, 0.003], 12)
  close(hommel([0.3]), [0.3])
  // Simes' combined value of equal p-values is that value.
  close(hommel([0.2, 0.2, 0.2]), [0.2, 0.2, 0.2], 12)
  // Order must not matter, and BH must keep what its definition rejects (ranks, not positions of the sort).
  close(
    benjaminiHochberg([0.6, 0.04, 0.001, 0.2, 0.012, 0.03, 0.008]),
    [0.6, 0.056, 0.007, 0.23333333333333336, 0.028, 0.0525, 0.028],
    12,
  )
  expect(holm([])).toEqual([])
})

test('maxT equals the exact sign-flip p-value for one hypothesis, and controls several', () => {
  const x = [0.02, -0.05, -0.11, 0.01, -0.07, -0.03, 0, -0.09, 0.04, -0.06]
  const { adjusted } = maxT({ differences: x.map((value) => [value]), seed: 1, resamples: 20_000 })
  // The exact two-sided sign-flip p-value is 0.07421875; the distribution is symmetric.
  expect(Math.abs(adjusted[0]! - 0.07421875 / 2)).toBeLessThan(4 * Math.sqrt((0.037 * 0.963) / 20_000))
  const random = randomSource(3)
  let alarms = 0
  for (let run = 0; run < 200; run++) {
    const rows = Array.from({ length: 60 }, () =>
      Array.from({ length: 8 }, (_, j) => (random.uniform() < 0.5 ? Number.NaN : (random.below(3) - 1) * (j + 1))),
    )
    if (Math.min(...maxT({ differences: rows, seed: run, resamples: 200 }).adjusted) <= 0.05) alarms++
  }
  expect(alarms).toBeLessThanOrEqual(20)
  const still = maxT({ differences: Array.from({ length: 6 }, () => [0, -1]), seed: 0 })
  expect([still.statistics[0], still.adjusted[0]]).toEqual([0, 1])
  // The rows as they are count as one of the flips: a p-value is never 0.
  expect([0.5, 1]).toContain(maxT({ differences: [[-1]], seed: 0, resamples: 1 }).adjusted[0])
})

test('tests of a mean of paired differences equal scipy', () => {
  const x = [0.02, -0.05, -0.11, 0.01, -0.07, -0.03, 0, -0.09, 0.04, -0.06]
  expect(pairedT(x).p).toBeCloseTo(0.060656131648170075, 12)
  expect(signFlip(x)).toEqual({ p: 0.07421875, exact: true })
  expect(wilcoxon(x)).toEqual({ w: 7, p: 0.07421875 })
  // Ties: |d| = 1, 1, 2 have ranks 1.5, 1.5, 3; of the eight patterns of signs, two reach 3 against 3.
  expect(wilcoxon([1, -1, 2])).toEqual({ w: 1.5, p: 0.75 })
  // Many values: the rank sum is nearly normal, of mean n(n+1)/4 and variance n(n+1)(2n+1)/24.
  const ranked = Array.from({ length: 600 }, (_, i) => (i + 1) * (i % 9 < 4 ? -1 : 1))
  const { w, p } = wilcoxon(ranked)
  const z = (w - (600 * 601) / 4) / Math.sqrt((600 * 601 * 1201) / 24)
  expect(Math.abs(p - 2 * normalSurvival(-z))).toBeLessThan(1e-3)
  // More than twenty values: a seeded sample of the patterns.
  const many = Array.from({ length: 40 }, (_, i) => ((i * 37) % 11) - 4.2)
  const sampled = signFlip(many, { seed: 3, resamples: 20_000 })
  expect(sampled.exact).toBe(false)
  expect(Math.abs(sampled.p - pairedT(many).p)).toBeLessThan(0.02)
  expect(signFlip(many, { seed: 3, resamples: 20_000 })).toEqual(sampled)
})

test('tests of a mean at the edges', () => {
  expect(pairedT([0, 0, 0])).toEqual({ t: 0, p: 1 })
  expect(pairedT([1, 1])).toEqual({ t: Infinity, p: 0 })
  expect(signFlip([])).toEqual({ p: 1, exact: true })
  expect(wilcoxon([0, 0])).toEqual({ w: 0, p: 1 })
  expect(() => pairedT([1])).toThrow(/two differences/)
  for (const of of [pairedT, signFlip, wilcoxon]) expect(() => of([1, Number.NaN])).toThrow(/difference 1 is NaN/)
})

test('how far two distributions lie apart', () => {
  const [a, b] = [
    [0.15, 0.2, 0.25, 0.4],
    [0.3, 0.15, 0.2, 0.35],
  ]
  expect(populationStability(a, b)).toBeCloseTo(0.13618992790351747, 12)
  expect(jensenShannon(a, b)).toBeCloseTo(0.15549771083534358, 12)
  // Counts are shares of their sum.
  expect(populationStability([15, 20, 25, 40], [60, 30, 40, 70])).toBeCloseTo(0.13618992790351747, 12)
  expect(jensenShannon([1, 0], [0, 5])).toBe(1)
  expect(jensenShannon([1, 2], [1, 2])).toBe(0)
  expect(populationStability([0, 1], [0.5, 0.5])).toBeCloseTo(0.4999 * Math.log(5000) + 0.5 * Math.log(2), 9)
  for (const of of [populationStability, jensenShannon]) {
    expect(() => of([1], [1, 2])).toThrow(/same categories/)
    expect(() => of([0, 0], [1, 2])).toThrow(/nor all 0/)
    expect(() => of([1, -1], [1, 2])).toThrow(/negative/)
  }
})

test('clustered standard error equals statsmodels', () => {
  const d = [0, 0, -1, 0, 1, -1, -1, 0, 0, 0, 1, 0]
  const result = clusteredStandardError(d, [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
  expect(result.mean).toBeCloseTo(-0.08333333333333333, 12)
  expect(result.standardError).toBeCloseTo(0.21672897964343382, 12)
  expect(
    clusteredStandardError(
      d,
      d.map((_, i) => i),
    ).standardError,
  ).toBeCloseTo(0.18477964855069542, 12)
})

test.each([
  [1, 6.313751514675],
  [4, 2.131846786327],
  [59, 1.671093032104],
  [Infinity, 1.644853626951],
])('Student’s t with %f degrees of freedom', (degrees, quantile) => {
  // As in every table; of one degree it is tan(0.45 π).
  expect(studentQuantile(0.95, degrees)).toBeCloseTo(quantile, 9)
  expect(studentQuantile(0.05, degrees)).toBeCloseTo(-quantile, 9)
  expect(studentSurvival(quantile, degrees)).toBeCloseTo(0.05, 9)
  expect(studentSurvival(-quantile, degrees)).toBeCloseTo(0.95, 9)
})

describe('bootstrap', () => {
  const x = [0.02, -0.05, -0.11, 0.01, -0.07, -0.03, 0, -0.09, 0.04, -0.06]
  const zeros = x.map(() => 0)
  test('BCa equals scipy within its resampling error', () => {
    const result = pairedBootstrap({ base: zeros, candidate: x, seed: 1, resamples: 20_000 })
    expect(result.estimate).toBeCloseTo(-0.034, 12)
    // Means of ten two-digit numbers move in steps of 0.001.
    expect(Math.abs(result.ci[0] - -0.064)).toBeLessThanOrEqual(0.0015)
    expect(Math.abs(result.ci[1] - -0.005)).toBeLessThanOrEqual(0.0015)
    expect(Math.abs(result.lowerBound - -0.059)).toBeLessThanOrEqual(0.0015)
    expect(Math.abs(result.upperBound - -0.01)).toBeLessThanOrEqual(0.0015)
  })
  test('the same seed gives the same interval, another one does not', () => {
    const run = (seed: number) => {
      const { boundAt, ...figures } = pairedBootstrap({
        base: zeros,
        candidate: x.map((v, i) => v + i / 977),
        seed,
        resamples: 500,
      })
      expect(boundAt(0.05)).toBe(figures.lowerBound)
      return { ...figures, median: boundAt(0.5) }
    }
    expect(run(7)).toEqual(run(7))
    expect(run(8).ci).not.toEqual(run(7).ci)
  })
  test('effective units are those that make the variance, in blocks as one by one', () => {
    const of = (candidate: readonly number[]) =>
      pairedBootstrap({ base: candidate.map(() => 0), candidate, seed: 1, resamples: 10 }).effectiveUnits
    const alternating = (n: number) => Array.from({ length: n }, (_, i) => (i % 2 ? 1 : -1))
    expect(of(alternating(100))).toBeCloseTo(100, 6)
    expect(of(zeros)).toBe(10)
    // One of a hundred: (Σ c²)² / Σ c⁴ of 0.99 once and 0.01 in all others, 0.9801 / 0.960597.
    expect(of(alternating(100).map((_, i) => (i === 7 ? 1 : 0)))).toBeCloseTo(1.020304, 5)
    // Of 4,000 normal numbers κ is 3 within its error of √(24 / 4000) and that of blocks, √(24 / 200) / 200 of the whole.
    const random = randomSource(3)
    const units = of(Array.from({ length: 4000 }, () => standardNormal(random)))
    expect(1 / units).toBeLessThan(3 / 4000 + (3 * Math.sqrt(24 / 200)) / 200)
  })
  test('one more like the worst of a skewed side moves the mean and widens its error as if it were there', () => {
    const rows = Array.from({ length: 50 }, (_, i) => (i === 3 ? -9 : (i % 5) - 2))
    const of = (candidate: readonly number[]) =>
      pairedBootstrap({ base: candidate.map(() => 0), candidate, seed: 1, resamples: 10 })
    const { estimate, oneMore } = of(rows)
    const more = of([...rows, -9])
    expect(estimate + oneMore.worst.shift).toBeCloseTo(more.estimate, 12)
    const spread = (values: readonly number[]) => Math.sqrt(squaredDeviations(values)) / values.length
    expect(oneMore.worst.widening).toBeCloseTo(spread([...rows, -9]) / spread(rows), 12)
    // (Σ d² + w² · 50 / 51)² / (Σ d⁴ + w⁴), d from the mean of the 50 and w the least of them: 253.92… and 12355.9….
    expect(oneMore.worst.effectiveUnits).toBeCloseTo(5.218243272130468, 9)
    // The other side has no tail.
    expect(oneMore.best).toMatchObject({ shift: 0, widening: 1 })
    expect(of(rows.map((value) => -value)).oneMore.best.shift).toBeCloseTo(-oneMore.worst.shift, 12)
    expect(of(rows.filter((_, i) => i !== 3)).oneMore.worst.shift).toBe(0)
  })
  test('clusters widen the interval', () => {
    const d = Array.from({ length: 200 }, (_, i) => ((Math.floor(i / 20) * 7) % 5) - 2)
    const base = d.map(() => 0)
    const rows = pairedBootstrap({ base, candidate: d, seed: 1, resamples: 2000 })
    const groups = pairedBootstrap({
      base,
      candidate: d,
      clusters: d.map((_, i) => Math.floor(i / 20)),
      seed: 1,
      resamples: 2000,
    })
    expect(groups.units).toBe(10)
    expect(groups.standardError).toBeGreaterThan(3 * rows.standardError)
    const expected = clusteredStandardError(
      d,
      d.map((_, i) => Math.floor(i / 20)),
    ).standardError
    expect(groups.standardError / expected).toBeGreaterThan(0.93)
    expect(groups.standardError / expected).toBeLessThan(1.07)
  })
  test('covers the mean of a skewed law about as often as it says', () => {
    const random = randomSource(11)
    let covered = 0
    for (let run = 0; run < 300; run++) {
      const sample = Float64Array.from({ length: 60 }, () => -Math.log(1 - random.uniform()))
      const { ci } = bootstrap({
        rows: 60,
        statistic: (rows) => rows.reduce((sum, row) => sum + sample[row]!, 0) / rows.length,
        seed: run,
        resamples: 600,
        alpha: 0.1,
      })
      if (ci[0] <= 1 && 1 <= ci[1]) covered++
    }
    // 90 % asked; BCa undercovers a little at n = 60.
    expect(covered / 300).toBeGreaterThan(0.84)
    expect(covered / 300).toBeLessThan(0.95)
  })
  test('what is undefined without a rare row is resampled where there is one, and told', () => {
    // The mean of the rare rows: two of 40, 1 and 3.
    const rare = (rows: Int32Array) => {
      const own = rows.filter((row) => row < 2)
      return own.reduce((sum, row) => sum + 1 + 2 * row, 0) / own.length
    }
    const { estimate, ci, standardError, undefinedShare } = bootstrap({ rows: 40, statistic: rare, seed: 5 })
    expect([estimate, ...ci]).toEqual([2, 1, 3])
    // Of 40 draws K are rare, each with probability 1/20; of K ≥ 1 the variance is E(1 / K).
    const binomial = (k: number): number => (k === 0 ? 0.95 ** 40 : (binomial(k - 1) * (41 - k)) / k / 19)
    const counts = Array.from({ length: 40 }, (_, i) => i + 1)
    const variance = counts.reduce((sum, k) => sum + binomial(k) / k, 0) / (1 - binomial(0))
    expect(undefinedShare).toBeCloseTo(binomial(0), 2)
    expect(standardError).toBeCloseTo(Math.sqrt(variance), 2)
    const never = bootstrap({
      rows: 40,
      statistic: (rows) => (rows[39] === 39 ? 1 : Number.NaN),
      seed: 5,
      resamples: 200,
    })
    expect([never.lowerBound, never.upperBound, ...never.ci]).toEqual(Array(4).fill(Number.NaN))
    expect(pairedBootstrap({ base: [1, 2], candidate: [2, 2], seed: 1 }).undefinedShare).toBe(0)
  })
  test('z is that of the least α at which the lower bound exceeds what it is held against, on it as beside it', () => {
    // Means of 0 and ±1 lie on a grid of 40ths, so that many draws are the very value.
    const moved = Array.from({ length: 40 }, (_, i) => (i === 0 ? 1 : i < 5 ? -1 : 0))
    for (const against of [-0.175, -0.15, -0.14, -0.125, -0.1]) {
      const draw = { rows: 40, statistic: (rows: Int32Array) => mean(Array.from(rows, (row) => moved[row]!)) }
      const { z, boundAt } = bootstrap({ ...draw, seed: 2, resamples: 2000, against })
      const p = normalSurvival(z)
      expect(boundAt(p * 0.999)).toBeLessThanOrEqual(against)
      expect(boundAt(p * 1.05)).toBeGreaterThan(against)
    }
    // What never moves from it never exceeds it.
    const still = { rows: 40, statistic: () => -0.01, seed: 2, resamples: 10 }
    expect(bootstrap({ ...still, against: -0.01 }).z).toBe(-Infinity)
    expect(bootstrap({ ...still, against: -0.02 }).z).toBe(Infinity)
  })
  test('refuses what it cannot resample', () => {
    expect(() => pairedBootstrap({ base: [], candidate: [], seed: 1 })).toThrow(/at least one row/)
    expect(() => pairedBootstrap({ base: [1], candidate: [], seed: 1 })).toThrow(RangeError)
  })
  test('a bound farther out lies farther out, however skewed the differences are', () => {
    for (const far of [-1000, 1000]) {
      const candidate = Array.from({ length: 60 }, (_, i) => (i === 7 ? far : (i % 5) - 2))
      const { boundAt } = pairedBootstrap({ base: candidate.map(() => 0), candidate, seed: 3 })
      const levels = [1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 0.05, 0.5]
      const bounds = [...levels, ...levels.toReversed().map((level) => 1 - level)].map(boundAt)
      expect(bounds).toEqual(bounds.toSorted((a, b) => a - b))
    }
  })
})

test('DeLong equals its definition', () => {
  const a = [0.2, -0.3, 0.8, 1.4, 2.1, 1.1, 0.4, 0.2, 0.7, 1.6, 0.3, -1.2, -1, 1.6, 0.2, -1.7, -0.1, -1.2, -0.6, -0.5]
  const b = [0, 0.5, 0.7, 0.8, 1.8, 1.5, -0.4, 0.3, -0.2, 0.9, -0.6, -0.7, -0.6, 0.8, -0.5, -1.3, -0.7, -1.5, -0.2, -1]
  const result = delongPaired({ a, b, positive: a.map((_, i) => i < 8) })
  expect(result.a).toBeCloseTo(0.75, 12)
  expect(result.b).toBeCloseTo(0.859375, 12)
  expect(result.standardError).toBeCloseTo(0.06792910643518178, 12)
  expect(result.p).toBeCloseTo(0.10736848985624177, 12)
  const same = delongPaired({ a, b: a, positive: a.map((_, i) => i < 8) })
  expect(same).toMatchObject({ difference: 0, z: 0, p: 1, ci: [0, 0] })
  expect(() => delongPaired({ a, b, positive: a.map(() => true) })).toThrow(/two rows of each kind/)
  const broken = a.with(3, Number.NaN)
  expect(() => delongPaired({ a, b: broken, positive: a.map((_, i) => i < 8) })).toThrow(/value 3 is not a number/)
})

test('e-values equal the integral, and rarely alarm under the null however often one looks', () => {
  expect(eProcess({ baseOnly: 12, candidateOnly: 3 })).toBeCloseTo(8.906456043956045, 9)
  expect(eProcess({ baseOnly: 12, candidateOnly: 3, alternative: 'different' })).toBeCloseTo(4.501098901098902, 9)
  expect(eProcess({ baseOnly: 3, candidateOnly: 12 })).toBeCloseTo(0.09574175824175825, 9)
  expect(eProcess({ baseOnly: 40, candidateOnly: 20 })).toBeCloseTo(8.973250647158206, 9)
  expect(eProcess({ baseOnly: 0, candidateOnly: 0 })).toBeCloseTo(1, 12)
  expect(eProcess({ differences: [0.2, -0.1, 0.4, 0, 0.3, 1, -0.5], bound: 1 })).toBeCloseTo(1.5794680365145208, 9)
  expect(eProcess({ differences: [], bound: 1 })).toBe(1)
  expect(() => eProcess({ differences: [2], bound: 1 })).toThrow(/row 0/)
  expect(() => eProcess({ differences: [Number.NaN], bound: 1 })).toThrow(/NaN/)
  const random = randomSource(5)
  let alarms = 0
  for (let run = 0; run < 400; run++) {
    let b = 0
    let c = 0
    for (let pair = 0; pair < 200; pair++) {
      if (random.uniform() < 0.5) b++
      else c++
      if (eProcess({ baseOnly: b, candidateOnly: c }) >= 20) {
        alarms++
        break
      }
    }
  }
  // At most 5 % of 400, three standard deviations allowed.
  expect(alarms).toBeLessThanOrEqual(33)
})

test('interval of a percentile from order statistics', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect(orderStatisticInterval({ values, percentile: 0.9 })).toEqual({ value: 90, ci: [84, 96] })
  expect(orderStatisticInterval({ values: [5, 1], percentile: 0.99 })).toEqual({ value: 5, ci: [5, null] })
  expect(() => orderStatisticInterval({ values: [], percentile: 0.5 })).toThrow(RangeError)
})

describe('LoadGen early stopping', () => {
  // Required queries by percentile and overs, equal to the C++ of LoadGen.
  const required: Record<string, readonly (readonly [number, number])[]> = {
    '0.9': [
      [0, 44],
      [1, 64],
      [2, 81],
      [3, 97],
      [5, 127],
      [10, 197],
      [50, 681],
      [100, 1246],
    ],
    '0.95': [
      [0, 90],
      [1, 130],
      [2, 165],
      [3, 198],
      [5, 259],
      [10, 398],
      [50, 1372],
      [100, 2504],
    ],
    '0.97': [
      [0, 152],
      [1, 219],
      [2, 277],
      [3, 332],
      [5, 433],
      [10, 667],
      [50, 2293],
      [100, 4182],
    ],
    '0.99': [
      [0, 459],
      [1, 662],
      [2, 838],
      [3, 1001],
      [5, 1307],
      [10, 2010],
      [50, 6898],
      [100, 12571],
    ],
    '0.999': [
      [0, 4603],
      [1, 6636],
      [2, 8403],
      [3, 10042],
      [5, 13105],
      [10, 20140],
      [50, 69058],
      [100, 125826],
    ],
  }
  test.each(Object.entries(required))('percentile %s', (percentile, pairs) => {
    for (const [overs, n] of pairs)
      expect(earlyStopping({ percentile: Number(percentile), confidence: 0.99, overs }), `${overs} over`).toBe(n)
  })
  test('the overs that a number of queries allows', () => {
    const at = (n: number, percentile: number) => allowedOvers({ n, percentile, confidence: 0.99 })
    expect([at(1000, 0.9), at(10_000, 0.9), at(24_576, 0.9), at(10_000, 0.99)]).toEqual([78, 930, 2348, 77])
    expect(at(43, 0.9)).toBe(null)
    expect(at(44, 0.9)).toBe(0)
    // Thousands of overs must not collapse.
    expect(at(100_000, 0.9)).toBeGreaterThan(9700)
  })
})

test('the mean, and the squares around it; of none there is none', () => {
  expect(mean([1, 2, 6])).toBe(3)
  expect(squaredDeviations(Float64Array.of(1, 2, 6))).toBe(14)
  expect(squaredDeviations([5])).toBe(0)
  expect(mean([])).toBeNaN()
})

test('the median', () => {
  expect(median([10, 9, 100])).toBe(10)
  expect(median([4, -1, 3, 2])).toBe(2.5)
  expect(median([])).toBeNaN()
})
