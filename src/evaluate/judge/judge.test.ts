import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binomialPmf, normalSurvival, randomSource, standardNormal, tangoScore } from '../../statistics/index.ts'
import { levelsOfDraws, orderOf } from '../metric/levels.ts'
import { averagePrecision } from '../metric/ranked-scores.ts'
import { judge } from './judge.ts'
import { type PairedScores, pairedScores } from './paired-scores.ts'
import { rowsToSettle, verdictOf } from './verdict.ts'

/** Right-or-wrong scores with these counts, the rest right in both. */
function counts(baseOnly: number, candidateOnly: number, n: number): PairedScores {
  const base = Array.from({ length: n }, (_, i) => (i >= baseOnly && i < baseOnly + candidateOnly ? 0 : 1))
  const candidate = Array.from({ length: n }, (_, i) => (i < baseOnly ? 0 : 1))
  return { base, candidate, higherIsBetter: true, rightOrWrong: true }
}
const point = { margin: 0.01, alpha: 0.05 }

describe('right-or-wrong scores follow the table', () => {
  test('pass, with the figures of the fixture', () => {
    const result = judge(counts(12, 3, 1000), { margin: 0.02, alpha: 0.05 })
    expect(result.verdict).toBe('pass')
    expect(result.nonInferiority!.z).toBeCloseTo(2.2609378782340115, 9)
    expect(result.nonInferiority!.p).toBeCloseTo(0.011881552071915312, 9)
    expect(result.mcnemar!.midP).toBeCloseTo(0.02127075195312501, 9)
    // Significantly worse and yet non-inferior: both are said.
    expect(result.measurablyWorse).toBe(true)
    expect(result).toMatchObject({ n: 1000, base: 0.997, candidate: 0.988, requiredN: null })
  })
  test('nothing changed: 267 rows are too few for a point, 268 suffice', () => {
    expect(judge(counts(0, 0, 267), point)).toMatchObject({ verdict: 'inconclusive', requiredN: 268 })
    expect(judge(counts(0, 0, 268), point)).toMatchObject({ verdict: 'pass', measurablyWorse: false })
  })
  test('the rows that would settle it are told by the test itself where changes are rare', () => {
    // The plan by the variance seen asks for 407.
    const few = judge(counts(1, 0, 406), point)
    expect(few.verdict).toBe('inconclusive')
    expect(few.requiredN).toBeGreaterThan(430)
    // At the same rates so many pass, and one row fewer does not.
    const score = (n: number) => tangoScore({ baseOnly: n / 406, candidateOnly: 0, n }, -0.01)
    expect(score(few.requiredN!)).toBeGreaterThan(1.6449)
    expect(score(few.requiredN! - 1)).toBeLessThan(1.6449)
  })
  test('regressed by the bound, and by significance at the margin', () => {
    expect(judge(counts(60, 5, 1000), point).verdict).toBe('regressed')
    // δ = −m exactly and significant: 14 lost, 4 gained of 1000.
    const atMargin = judge(counts(14, 4, 1000), point)
    expect(atMargin.upperBound).toBeGreaterThan(-0.01)
    expect(atMargin.verdict).toBe('regressed')
    // δ = −m exactly, not significant.
    expect(judge(counts(110, 100, 1000), point).verdict).toBe('inconclusive')
  })
  test('inconclusive says how many rows', () => {
    const few = judge(counts(4, 4, 400), point)
    expect(few).toMatchObject({ verdict: 'inconclusive', requiredN: 1237 })
    const asked = { n: 4000, variance: 0.02, discordance: 0.02, margin: 0.01, alpha: 0.05, least: 268 }
    // At the margin itself, a tenth of it is planned for: (1.645 + 0.842)² · 0.02 / 0.001².
    expect(rowsToSettle({ ...asked, delta: -0.01 })).toBe(123652)
    // Far from it fewer would have done, but these did not.
    expect(rowsToSettle({ ...asked, delta: 0.01 })).toBe(4001)
    // Enough rows for equal models, but a loss near the margin was seen: more rows than there are.
    const near = judge(counts(45, 25, 4000), { margin: 0.007, alpha: 0.05 })
    expect(near.verdict).toBe('inconclusive')
    expect(near.requiredN).toBeGreaterThan(4000)
  })
  test('one row, all rows equal, all wrong', () => {
    expect(judge(counts(0, 0, 1), point).verdict).toBe('inconclusive')
    expect(judge(counts(1, 0, 1), point).verdict).toBe('inconclusive')
    expect(judge(counts(3, 0, 3), point).verdict).not.toBe('pass')
    const wrong = {
      base: new Array(300).fill(0),
      candidate: new Array(300).fill(0),
      higherIsBetter: true,
      rightOrWrong: true,
    }
    // No candidate could do worse than a base that is never right: that is no evidence, however many rows.
    expect(judge(wrong, point)).toMatchObject({
      verdict: 'inconclusive',
      base: 0,
      nothingToLose: true,
      requiredN: null,
    })
    // One row that it misses says too little about the base: more rows may show what there is to lose.
    const one = judge({ ...wrong, base: [0], candidate: [0] }, point)
    expect(one).toMatchObject({ verdict: 'inconclusive', nothingToLose: true })
    expect(one.requiredN).toBeGreaterThan(200)
    const asErrors = {
      ...wrong,
      base: new Array(300).fill(1),
      candidate: new Array(300).fill(1),
      higherIsBetter: false,
    }
    expect(judge(asErrors, point)).toMatchObject({ verdict: 'inconclusive', nothingToLose: true })
    // Five right of 300 are more than the margin of a point: all of them can be lost, and that is seen.
    const few = { ...wrong, base: wrong.base.map((_, i) => (i < 5 ? 1 : 0)) }
    expect(judge({ ...few, candidate: few.base }, point).verdict).toBe('pass')
    expect(judge(few, point).verdict).toBe('regressed')
    // That it is worse is measured there, and as little evidence.
    const halved = { ...wrong, base: Array.from({ length: 9000 }, (_, i) => (i < 45 ? 1 : 0)) }
    const fewer = judge({ ...halved, candidate: halved.base.map((score, i) => (i < 20 ? score : 0)) }, point)
    expect(fewer).toMatchObject({ verdict: 'inconclusive', nothingToLose: true, measurablyWorse: false })
    expect(fewer.mcnemar!.midP).toBeLessThan(1e-6)
    // The same of bounded scores; unbounded ones have no worst.
    const low = { base: new Array(300).fill(0.004), candidate: new Array(300).fill(0.004), rightOrWrong: false }
    expect(judge({ ...low, higherIsBetter: true, bounds: [0, 1] }, point).nothingToLose).toBe(true)
    expect(judge({ ...low, higherIsBetter: false, bounds: [0, 1] }, point).nothingToLose).toBeUndefined()
    expect(judge({ ...low, higherIsBetter: true }, point).nothingToLose).toBeUndefined()
  })
  test('a metric that counts errors is judged with its sign turned', () => {
    const right = judge(counts(60, 5, 1000), point)
    const { base, candidate } = counts(60, 5, 1000)
    const flip = (values: ArrayLike<number>) => Array.from(values, (value) => 1 - value)
    const wrong = judge(
      { base: flip(base), candidate: flip(candidate), higherIsBetter: false, rightOrWrong: true },
      point,
    )
    expect(wrong.verdict).toBe(right.verdict)
    expect(wrong.discordant).toEqual({ baseOnly: 60, candidateOnly: 5 })
    expect(wrong.delta).toBeCloseTo(right.delta, 12)
    expect(wrong.lowerBound).toBeCloseTo(right.lowerBound, 12)
    expect(wrong.candidate).toBeCloseTo(1 - right.candidate, 12)
  })
  test('refuses no rows, margins and scores that mean nothing', () => {
    expect(() => judge(counts(0, 0, 0), point)).toThrow(/no rows, no verdict/)
    expect(() => judge(counts(0, 0, 5), { margin: 0, alpha: 0.05 })).toThrow(/margin/)
    expect(() => judge({ ...counts(0, 0, 5), base: [1, 1, 1, 1, 0.5] }, point)).toThrow(/row 4/)
    expect(() => judge({ ...counts(0, 0, 5), base: [1, Number.NaN, 1, 1, 1] }, point)).toThrow(/row 1/)
  })
  test('more losses never turn a verdict better', () => {
    const rank = { regressed: 0, inconclusive: 1, pass: 2 }
    fc.assert(
      fc.property(fc.nat(40), fc.nat(40), fc.integer({ min: 200, max: 2000 }), (lost, won, n) => {
        const before = judge(counts(lost, won, n), point)
        const after = judge(counts(lost + 1, won, n), point)
        expect(rank[after.verdict]).toBeLessThanOrEqual(rank[before.verdict])
      }),
      { numRuns: 200, seed: 4 },
    )
  })
})

describe('other scores', () => {
  /** Scores that the candidate misses by these differences. */
  const differing = (differences: readonly number[]): PairedScores => ({
    base: differences.map(() => 1),
    candidate: differences.map((difference) => 1 + difference),
    higherIsBetter: true,
    rightOrWrong: false,
  })

  test('twenty rows are the fewest that settle anything', () => {
    const rows = (n: number) => judge(differing(Array.from({ length: n }, (_, i) => ((i % 3) - 1) / 1000)), point)
    expect(rows(19)).toMatchObject({ verdict: 'inconclusive', requiredN: 20 })
    expect(rows(20).verdict).toBe('pass')
  })

  test('bounds reach both ways as far as changes that no row showed', () => {
    const { lowerBound, upperBound, nonInferiority } = judge(
      { ...differing(Array.from({ length: 400 }, (_, i) => (i < 2 ? 0.1 : 0))), bounds: [0, 2] },
      { margin: 0.05, alpha: 0.05 },
    )
    // 2 · the Clopper–Pearson bound on 2 of 400, which is 0.015655.
    expect(lowerBound).toBeCloseTo(-0.03131, 5)
    expect(upperBound).toBeCloseTo(0.03131, 5)
    expect(nonInferiority!.ci).toEqual([lowerBound, upperBound])
  })

  test('the interval is two-sided: where Student’s decides, 2.193 errors to 1.791', () => {
    const skewed = Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? 1 : 0))
    const { delta, lowerBound, nonInferiority } = judge(differing(skewed), point)
    // Ten distances of 0.9 from the mean and ninety of 0.1: (Σ c²)² / Σ c⁴ = 81 / 6.57 = 12.33, and 11.33 degrees.
    expect((delta - nonInferiority!.ci[0]) / (delta - lowerBound)).toBeCloseTo(2.19322 / 1.79113, 4)
  })

  test('a loss beyond the margin within its own error is no evidence of a regression', () => {
    const noisy = Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? 0.5 : -0.55))
    const { delta, upperBound, pRegressed } = judge(differing(noisy), point)
    expect(delta).toBeLessThan(-0.01)
    expect(upperBound).toBeGreaterThan(0)
    expect(pRegressed).toBe(1)
  })

  test('a loss of the margin itself is evidence whichever way the mean of its rows is rounded', () => {
    // Means of 0.05 and 0.04 differ by 0.0099…, those of 0.06 and 0.05 by 0.0100….
    for (const mean of [0.05, 0.06]) {
      const base = Array.from({ length: 200 }, (_, i) => mean + (i % 2 === 0 ? 0.01 : -0.01))
      const candidate = Array.from({ length: 200 }, (_, i) => mean - 0.01 + (i % 4 < 2 ? 0.01 : -0.01))
      const { verdict, pRegressed } = judge({ base, candidate, higherIsBetter: true, rightOrWrong: false }, point)
      expect(verdict).toBe('regressed')
      expect(pRegressed).toBeLessThan(1e-9)
    }
  })
})

describe('error rates, simulated and summed', () => {
  /** Exact chance of each verdict for n rows, losing pb and winning pc. */
  function rates(n: number, pb: number, pc: number) {
    const result = { pass: 0, regressed: 0, inconclusive: 0 }
    const middle = n * (pb + pc)
    for (let pairs = Math.max(0, Math.floor(middle - 40)); pairs <= middle + 40; pairs++) {
      const weight = binomialPmf(pairs, n, pb + pc)
      if (weight < 1e-9) continue
      for (let lost = 0; lost <= pairs; lost++) {
        const chance = weight * binomialPmf(lost, pairs, pb / (pb + pc))
        if (chance > 1e-9) result[judge(counts(lost, pairs - lost, n), point).verdict] += chance
      }
    }
    return result
  }
  test('a true loss of exactly the margin passes at most 1.1 α; equal models are hardly ever called regressed', () => {
    const atMargin = rates(1000, 0.02, 0.01)
    expect(atMargin.pass).toBeLessThanOrEqual(0.055)
    expect(atMargin.pass).toBeGreaterThan(0.03)
    const equal = rates(1000, 0.02, 0.02)
    expect(equal.regressed).toBeLessThanOrEqual(0.05)
    expect(equal.regressed + equal.pass + equal.inconclusive).toBeCloseTo(1, 5)
  })
  test('2,000 data sets of two different, equally good models: regressed at most at the stated rate', () => {
    const random = randomSource(2000)
    let regressed = 0
    for (let run = 0; run < 2000; run++) {
      let [lost, won] = [0, 0]
      for (let row = 0; row < 1000; row++) {
        const u = random.uniform()
        if (u < 0.02) lost++
        else if (u < 0.04) won++
      }
      if (judge(counts(lost, won, 1000), point).verdict === 'regressed') regressed++
    }
    expect(regressed / 2000).toBeLessThanOrEqual(0.05 + 2 * Math.sqrt((0.05 * 0.95) / 2000))
  })
})

describe('real-valued scores', () => {
  const random = randomSource(9)
  const noise = (n: number, shift: number, width = 0.02) =>
    Float64Array.from({ length: n }, () => shift + (random.uniform() - 0.5) * width)
  const plus = (base: Float64Array, d: Float64Array) => base.map((value, i) => value + d[i]!)
  const base = noise(400, 0.5, 0.4)

  test('small differences pass, large ones regress, few rows settle nothing', () => {
    const same = { base, candidate: plus(base, noise(400, 0)), higherIsBetter: true, rightOrWrong: false }
    expect(judge(same, point)).toMatchObject({ verdict: 'pass', discordant: null, mcnemar: null })
    const worse = { ...same, candidate: plus(base, noise(400, -0.03)) }
    expect(judge(worse, point)).toMatchObject({ verdict: 'regressed', measurablyWorse: false })
    const slightly = judge({ ...same, candidate: plus(base, noise(400, -0.004)) }, point)
    expect(slightly).toMatchObject({ verdict: 'pass', measurablyWorse: true })
    const three = { ...same, base: base.slice(0, 3), candidate: base.slice(0, 3) }
    expect(judge(three, point).verdict).toBe('inconclusive')
    const swing = base.map((_, i) => (i % 2 === 0 ? 0.4 : -0.4))
    const noisy = judge({ ...same, candidate: plus(base, swing) }, point)
    expect(noisy.verdict).toBe('inconclusive')
    expect(noisy.requiredN).toBeGreaterThan(400)
  })
  test('a loss that looks smaller than it is moves the bound by that, and by its error beside that of the rows', () => {
    const random = randomSource(7)
    const base = Array.from({ length: 400 }, () => random.uniform())
    const scores = {
      base,
      candidate: base.map((value) => value - 0.002 + 0.02 * standardNormal(random)),
      higherIsBetter: true,
      rightOrWrong: false,
    }
    const flattery = { loss: { by: 0.01, error: 0.002 }, gain: { by: 0.003, error: 0.001 } }
    const [plain, wide] = [judge(scores, point), judge({ ...scores, flattery }, point)]
    const { delta, lowerBound, upperBound } = plain
    // 1.6449 standard errors are a one-sided bound of 95 %.
    expect(wide.delta).toBe(delta)
    expect(wide.lowerBound).toBeCloseTo(delta - 0.01 - Math.hypot(delta - lowerBound, 1.644853627 * 0.002), 9)
    expect(wide.upperBound).toBeCloseTo(delta + 0.003 + Math.hypot(upperBound - delta, 1.644853627 * 0.001), 9)
    const [low, high] = plain.nonInferiority!.ci
    const ci = [
      delta - 0.01 - Math.hypot(delta - low, 1.959963985 * 0.002),
      delta + 0.003 + Math.hypot(high - delta, 1.959963985 * 0.001),
    ]
    expect(wide.nonInferiority!.ci).toEqual(ci.map((end) => expect.closeTo(end, 9)))
    // z is 1.6449 where the bound just reaches −margin.
    const margin = 0.01 - delta + Math.hypot(delta - lowerBound, 1.644853627 * 0.002)
    expect(judge({ ...scores, flattery }, { ...point, margin }).nonInferiority!.z).toBeCloseTo(1.644853627, 6)
  })
  test('an error is better when it falls', () => {
    const error = { base, higherIsBetter: false, rightOrWrong: false }
    const risen = judge({ ...error, candidate: plus(base, noise(400, 0.03)) }, point)
    expect(risen.verdict).toBe('regressed')
    expect(risen.delta).toBeLessThan(-0.02)
    expect(risen.candidate).toBeGreaterThan(risen.base)
    expect(judge({ ...error, candidate: plus(base, noise(400, -0.03)) }, point)).toMatchObject({
      verdict: 'pass',
      measurablyBetter: true,
    })
  })
  test('identical scores are no proof until enough rows were seen', () => {
    const identical = (n: number) => ({
      base: Array.from({ length: n }, (_, i) => (i % 10) / 10),
      candidate: Array.from({ length: n }, (_, i) => (i % 10) / 10),
      higherIsBetter: true,
      rightOrWrong: false,
      bounds: [0, 1] as const,
    })
    expect(judge(identical(100), point)).toMatchObject({ verdict: 'inconclusive', requiredN: 299 })
    expect(judge(identical(299), point).verdict).toBe('pass')
    // Scores of one value and no known range: the margin is taken as a hundredth of it.
    const constant = {
      base: new Array(50).fill(0),
      candidate: new Array(50).fill(0),
      higherIsBetter: false,
      rightOrWrong: false,
    }
    expect(judge(constant, point).verdict).toBe('inconclusive')
  })
  test('scores that moved while no row’s part in the whole did are no proof either', () => {
    const ranked = (n: number, moved: number) => ({
      base: Array.from({ length: n }, (_, i) => (i % 2 ? 0.9 : 0.1)),
      candidate: Array.from({ length: n }, (_, i) => (i % 2 ? 0.88 : 0.12)),
      higherIsBetter: true,
      rightOrWrong: false,
      bounds: [0, 1] as const,
      strata: Array.from({ length: n }, (_, i) => i % 2),
      aggregate: () => 1,
      parts: (who: string) => Array.from({ length: n }, (_, i) => (who === 'candidate' && i < moved ? 0.9 : 1)),
    })
    expect(judge(ranked(20, 0), point)).toMatchObject({ verdict: 'inconclusive', requiredN: 598 })
    expect(judge(ranked(598, 0), point).verdict).toBe('pass')
    expect(judge(ranked(598, 3), point).verdict).toBe('inconclusive')
    expect(judge(ranked(598, 30), point).verdict).toBe('pass')
  })
  test('a rare class of which no row changed hides what its few rows cannot show, however many others changed', () => {
    // Of `rare` rows of class 1 none changed, of 190 of class 0 ten were lost and ten won.
    const macro = (rare: number) => {
      const label = Array.from({ length: 190 + rare }, (_, i) => (i < 190 ? 0 : 1))
      const base = label.map((_, i) => (i >= 10 && i < 20 ? 0 : 1))
      const candidate = label.map((_, i) => (i < 10 ? 0 : 1))
      const meanOfClass = (scores: readonly number[], rows: Int32Array, wanted: number) => {
        const own = Array.from(rows).filter((row) => label[row] === wanted)
        return own.length === 0 ? 1 : own.reduce((sum, row) => sum + scores[row]!, 0) / own.length
      }
      return judge(
        {
          base,
          candidate,
          higherIsBetter: true,
          rightOrWrong: true,
          bounds: [0, 1],
          strata: label,
          aggregate: (who, rows) => {
            const scores = who === 'base' ? base : candidate
            return (meanOfClass(scores, rows, 0) + meanOfClass(scores, rows, 1)) / 2
          },
        },
        { margin: 0.05, alpha: 0.05, resamples: 1000 },
      )
    }
    // A tenth of class 1 lost is five points, and ten rows show nothing of it 35 times in 100.
    const few = macro(10)
    expect(few.delta).toBe(0)
    // Half of Clopper and Pearson's bound on what class 1 lost, 1 − 0.05^(1/10), and what class 0 showed besides.
    expect(few.lowerBound).toBeLessThan(-0.5 * (1 - 0.05 ** 0.1))
    expect(few.lowerBound).toBeGreaterThan(-0.5 * (1 - 0.05 ** 0.1) - 0.005)
    expect(few.verdict).toBe('inconclusive')
    expect(few.nonInferiority!.p).toBeGreaterThan(0.05)
    const enough = Math.ceil((few.requiredN! * 10) / 200)
    expect(enough).toBeGreaterThan(20)
    const proven = macro(2 * enough)
    expect(proven.verdict).toBe('pass')
    expect(proven.nonInferiority!.p).toBeLessThan(0.05)
  })
  describe('what few changes hide, where each group is judged by its own rows', () => {
    /** Base right everywhere, so many rows of each group lost; the mean over groups of the share that is right. */
    const lost = (sizes: readonly number[], losses: readonly number[], margin: number, strataApart = true) => {
      const strata = sizes.flatMap((size, group) => new Array<number>(size).fill(group))
      const base = strata.map(() => 1)
      const candidate = sizes.flatMap((size, group) =>
        Array.from({ length: size }, (_, i) => (i < losses[group]! ? 0 : 1)),
      )
      const aggregate = (who: 'base' | 'candidate', rows: Int32Array) => {
        const seen = sizes.map(() => [0, 0])
        for (const row of rows) {
          const counts = seen[strata[row]!]!
          counts[0]! += who === 'base' ? 1 : candidate[row]!
          counts[1]!++
        }
        const shares = seen.filter(([, all]) => all! > 0).map(([right, all]) => right! / all!)
        return shares.reduce((sum, share) => sum + share, 0) / shares.length
      }
      return judge(
        {
          ...{ base, candidate, higherIsBetter: true, rightOrWrong: true, bounds: [0, 1] },
          ...{ strata, strataApart, aggregate },
        },
        { margin, alpha: 0.05, resamples: 200 },
      )
    }

    test('a change that did not show is of one group, not of each', () => {
      const ten = (size: number) => new Array<number>(10).fill(size)
      const none = ten(0)
      // 1 − 0.05^(1/300) of all rows, as of one group.
      expect(lost(ten(30), none, 0.01)).toMatchObject({ verdict: 'pass', lowerBound: expect.closeTo(-0.009936, 6) })
      expect(lost(ten(29), none, 0.01)).toMatchObject({ verdict: 'inconclusive', requiredN: 299 })
      // Where a row moves the figures of several groups, each is counted.
      expect(lost(ten(30), none, 0.01, false)).toMatchObject({ verdict: 'inconclusive', requiredN: 2990 })
      const two = lost(ten(30), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], 0.02)
      expect(two.verdict).toBe('inconclusive')
      expect(two.requiredN).toBeGreaterThan(300)
      expect(two.requiredN).toBeLessThan(600)
    })

    test.each([
      [
        [50, 50],
        [0.06, 0],
      ],
      [
        [50, 50],
        [0.03, 0.03],
      ],
      [
        [10, 200],
        [0.26, 0],
      ],
      [
        [10, 200],
        [0.4, 0],
      ],
      [
        [10, 200],
        [0.2, 0.01],
      ],
      [
        [20, 30],
        [0, 0.16],
      ],
      [
        [20, 30],
        [0.1, 0.1],
      ],
    ])('groups of %j rows that lose %j pass in one case of twenty at most', (sizes, shares) => {
      const margin = (shares[0]! + shares[1]!) / 2
      let passes = 0
      for (let first = 0; first < 5; first++)
        for (let second = 0; first + second < 5; second++)
          if (lost(sizes, [first, second], margin).verdict === 'pass')
            passes += binomialPmf(first, sizes[0]!, shares[0]!) * binomialPmf(second, sizes[1]!, shares[1]!)
      expect(passes).toBeLessThanOrEqual(0.05)
    })
  })
  test('a metric that needs rows of a kind is not settled by so few that resamples miss them, and says how many would', () => {
    // The mean of the rare rows alone, each of which the candidate misses by a little.
    const rare = (count: number) => {
      const base = Array.from({ length: 400 }, () => 1)
      const candidate = base.map((value, i) => value - 1e-4 * (1 + (i % 3)))
      const over = (scores: readonly number[], rows: Int32Array) => {
        const own = Array.from(rows).filter((row) => row < count)
        return own.reduce((sum, row) => sum + scores[row]!, 0) / own.length
      }
      return judge(
        {
          ...{ base, candidate, higherIsBetter: true, rightOrWrong: false, bounds: [0, 1] },
          aggregate: (who, rows) => over(who === 'base' ? base : candidate, rows),
        },
        { margin: 0.01, alpha: 0.05, resamples: 1000 },
      )
    }
    const few = rare(4)
    expect(few.verdict).toBe('inconclusive')
    // Within the margin: what breaks in fewer than 1 − 0.05^(1/400) of the rows need not show on these.
    expect(few.lowerBound).toBeGreaterThan(-0.01)
    expect(few.lowerBound).toBeLessThan(-(1 - 0.05 ** (1 / 400)))
    // Resamples miss all of four with probability e⁻⁴; twelve are in nearly all: three times as many rows.
    expect(few.requiredN).toBeGreaterThan(1000)
    expect(few.requiredN).toBeLessThan(1500)
    expect(rare(12).verdict).toBe('pass')
  })
  test.each([0, 1, 3, 8, 40])(
    'the p-value is below α where the bound is within the margin (%i rows changed)',
    (moved) => {
      const random = randomSource(moved)
      for (const n of [40, 300, 800]) {
        const base = Array.from({ length: n }, () => random.uniform())
        // A few rows lose much, or all lose a little.
        const candidate = base.map((score, i) => (i < moved ? score * random.uniform() : score))
        const scores = { base, candidate, higherIsBetter: true, rightOrWrong: false, bounds: [0, 1] as const }
        const seen = judge(scores, { ...point, resamples: 1000 })
        const { p, z } = seen.nonInferiority!
        expect(p).toBeCloseTo(normalSurvival(z), 12)
        // Of every α, and for any margin, they say the same.
        for (const alpha of [0.001, 0.025, 0.05, 0.2]) {
          const { nonInferiority, lowerBound } = judge(scores, { ...point, alpha, resamples: 1000 })
          expect(nonInferiority!.p).toBe(p)
          expect(lowerBound > -0.01, `n ${n}, α ${alpha}, p ${p}`).toBe(p < alpha)
        }
      }
    },
  )
  test('few rows that differ are planned for as more of them would differ', () => {
    const changed = (n: number, moved: number, margin = point.margin) => {
      const base = Array.from({ length: n }, (_, i) => (i % 10) / 10)
      const candidate = base.map((score, i) => (i < moved ? score + 0.001 : score))
      return judge({ base, candidate, higherIsBetter: true, rightOrWrong: false, bounds: [0, 1] }, { ...point, margin })
    }
    // One of 300 changed. Of 628 two would, of which Clopper and Pearson's bound is 1 %.
    const one = changed(300, 1)
    expect(one).toMatchObject({ verdict: 'inconclusive', requiredN: 628 })
    expect(changed(628, 2).verdict).toBe('pass')
    expect(changed(627, 2).verdict).toBe('inconclusive')
    // Four of 300: of 375 five would, and a bootstrap can judge.
    expect(changed(300, 4)).toMatchObject({ verdict: 'inconclusive', requiredN: 375 })
    expect(changed(375, 5).verdict).toBe('pass')
    // No number of rows settles a margin below what float64 tells from 0.
    expect(changed(300, 1, 1e-300).verdict).toBe('inconclusive')
  })
  test('every row worse by the same amount', () => {
    const shifted = {
      base: new Array(50).fill(1),
      candidate: new Array(50).fill(0.9),
      higherIsBetter: true,
      rightOrWrong: false,
    }
    const result = judge(shifted, point)
    expect(result.verdict).toBe('regressed')
    expect(Number.isFinite(result.nonInferiority!.z)).toBe(true)
  })
  test('the units of the scores are not those of an aggregate', () => {
    const square = Array.from({ length: 300 }, (_, i) => (1000 * (i % 7)) ** 2)
    const aggregate = (_: string, rows: Int32Array) => Math.sqrt(rows.reduce((sum, i) => sum + square[i]!, 0) / 300)
    const same = { base: square, candidate: square, higherIsBetter: false, rightOrWrong: false, aggregate }
    expect(judge(same, point).verdict).toBe('pass')
  })
  test('clusters are the rows that count', () => {
    const scores = { ...counts(0, 0, 400), clusters: Array.from({ length: 400 }, (_, i) => i % 4) }
    expect(judge(scores, point).verdict).toBe('inconclusive')
  })
  test('a bootstrap pass is honest at the margin', () => {
    const draws = randomSource(77)
    let passed = 0
    for (let run = 0; run < 150; run++) {
      const zeros = new Array(60).fill(0)
      const candidate = zeros.map(() => -0.01 + (draws.uniform() + draws.uniform() + draws.uniform() - 1.5) * 0.02)
      if (
        judge(
          { base: zeros, candidate, higherIsBetter: true, rightOrWrong: false },
          { ...point, seed: run, resamples: 1000 },
        ).verdict === 'pass'
      )
        passed++
    }
    expect(passed / 150).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / 150))
  }, 30_000)
})

test('what draws of the same rows share is done once a model, however many are drawn', () => {
  const rows = Array.from({ length: 60 }, (_, i) => i)
  const model = (shift: number) => ({
    scores: rows.map((row) => row + shift * (row % 7)),
    summaries: rows.map((row) => [row + shift * (row % 7)]),
  })
  let readied = 0
  const mean = (summaries: readonly (readonly number[])[]) =>
    summaries.reduce((sum, [value]) => sum + value!, 0) / summaries.length
  const addition = { higherIsBetter: true, aggregate: mean }
  const overDraws = (summaries: readonly (readonly number[])[]) => {
    readied++
    return (drawn: Int32Array) => mean(Array.from(drawn, (place) => summaries[place]!))
  }
  const anew = judge(pairedScores(model(0), model(0.01), rows, addition, false), point)
  const once = judge(pairedScores(model(0), model(0.01), rows, { ...addition, overDraws }, false), point)
  expect(once).toEqual(anew)
  expect(readied).toBe(2)
})

test('an area of few rows is honest: two models that are equally good', () => {
  const draws = randomSource(5)
  const runs = 200
  let [wins, losses] = [0, 0]
  for (let run = 0; run < runs; run++) {
    const positive = Array.from({ length: 60 }, () => draws.uniform() < 0.5)
    const common = positive.map((yes) => (yes ? 0.8 : -0.8) + 0.6 * standardNormal(draws))
    const [base, candidate] = [0, 1].map(() => common.map((value) => value + standardNormal(draws) / 2))
    const [orderOfBase, orderOfCandidate] = [base!, candidate!].map((values) => orderOf(values, positive))
    const levelsOf = levelsOfDraws()
    const aggregate = (who: 'base' | 'candidate', rows: Int32Array) => {
      const timesDrawn = new Uint8Array(positive.length)
      for (const row of rows) timesDrawn[row]!++
      return averagePrecision(levelsOf(who === 'base' ? orderOfBase! : orderOfCandidate!, timesDrawn))
    }
    const scores = { base: base!, candidate: candidate!, higherIsBetter: true, rightOrWrong: false, aggregate }
    const { lowerBound, upperBound } = judge(scores, { ...point, seed: run, resamples: 500 })
    if (lowerBound > 0) wins++
    if (upperBound < 0) losses++
  }
  const most = 0.05 + 2 * Math.sqrt((0.05 * 0.95) / runs)
  expect(wins / runs).toBeLessThanOrEqual(most)
  expect(losses / runs).toBeLessThanOrEqual(most)
}, 60_000)

test('the verdict table by itself', () => {
  const bounds = { delta: -0.005, lowerBound: -0.009, upperBound: 0, significantlyWorse: false, margin: 0.01 }
  expect(verdictOf(bounds)).toBe('pass')
  expect(verdictOf({ ...bounds, lowerBound: -0.01 })).toBe('inconclusive')
  expect(verdictOf({ ...bounds, lowerBound: -0.03, upperBound: -0.011 })).toBe('regressed')
  expect(verdictOf({ ...bounds, lowerBound: -0.03, upperBound: -0.01 })).toBe('inconclusive')
  expect(verdictOf({ ...bounds, lowerBound: -0.03, delta: -0.012, significantlyWorse: true })).toBe('regressed')
  expect(verdictOf({ ...bounds, lowerBound: -0.03, delta: -0.009, significantlyWorse: true })).toBe('inconclusive')
})

test('rowsToSettle plans for equal models first, then for the difference that was seen', () => {
  const input = { variance: 0.02, discordance: 0.02, delta: 0, margin: 0.01, alpha: 0.05, least: 268 }
  expect(rowsToSettle({ ...input, n: 500 })).toBe(1237)
  // So many were judged, and did not.
  expect([1236, 1237].map((n) => rowsToSettle({ ...input, n }))).toEqual([1237, 1238])
  // (1.6449 + 0.8416)² · 0.02 / 0.005² = 4946.1
  expect(rowsToSettle({ ...input, n: 2000, delta: -0.005 })).toBe(4947)
  expect(Number.isFinite(rowsToSettle({ ...input, n: 2000, delta: -0.01 }))).toBe(true)
})

test('where numbers show that the models differ by far, the rows to settle it are planned for that difference', () => {
  // Three rows of 800 are 4,000 off: a loss of 15 beside a margin of 0.01, which so few rows do not settle.
  const base = Array.from({ length: 800 }, (_, i) => (i % 7) / 7)
  const candidate = base.map((value, i) => (i % 300 === 0 ? value + 4000 : value))
  const scores = { base, candidate, higherIsBetter: false, rightOrWrong: false } as const
  const { verdict, delta, requiredN } = judge(scores, { margin: 0.01, alpha: 0.05 })
  expect([verdict, Math.round(delta)]).toEqual(['inconclusive', -15])
  // (1.6449 + 0.8416)² · 4000² · 0.00374 / 15² = 1643; telling two equal models apart so would take four thousand million.
  expect(requiredN).toBeGreaterThan(1_500)
  expect(requiredN).toBeLessThan(4_000)
  const input = { variance: 0.02, discordance: null, margin: 0.01, alpha: 0.05, least: 268 }
  // (1.6449 + 0.8416)² · 0.02 / 0.02² = 309.1, but so small a sample may show such a loss by chance.
  expect(rowsToSettle({ ...input, n: 200, delta: -0.03 })).toBe(310)
  expect(rowsToSettle({ ...input, n: 50, delta: -0.03 })).toBe(1237)
  // Right and wrong answers are planned by how many changed alone.
  expect(rowsToSettle({ ...input, discordance: 0.02, n: 200, delta: -0.03 })).toBe(1237)
})
