import { expect, test } from 'vitest'
import { randomSource, standardNormal } from '../../statistics/index.ts'
import type { Metric } from '../metric/metric.ts'
import { metricNamed } from '../metric/metrics.ts'
import { judge } from './judge.ts'
import { type PairedScores, pairedScores } from './paired-scores.ts'

const ALPHA = 0.05

/** What a row gives by the base and by the candidate: its summaries, and its scores. */
interface Row {
  readonly summaries: readonly [readonly number[], readonly number[]]
  readonly scores: readonly [number, number]
}

function paired(metric: Metric, rows: readonly Row[]): PairedScores {
  const [base, candidate] = ([0, 1] as const).map((model) => ({
    scores: rows.map(({ scores }) => scores[model]),
    summaries: rows.map(({ summaries }) => summaries[model]),
  }))
  return pairedScores(
    base!,
    candidate!,
    rows.map((_, i) => i),
    metric,
    false,
  )
}

/** Share of the data sets of so many rows, each drawn anew, on which the candidate passes. */
function passRate(metric: Metric, { rows, runs, margin }: Setting, draw: (random: Random) => Row): number {
  const random = randomSource(7)
  let passed = 0
  for (let run = 0; run < runs; run++) {
    const scores = paired(
      metric,
      Array.from({ length: rows }, () => draw(random)),
    )
    if (judge(scores, { margin, alpha: ALPHA, seed: run, resamples: 100 }).verdict === 'pass') passed++
  }
  return passed / runs
}

interface Setting {
  readonly rows: number
  readonly runs: number
  readonly margin: number
}
type Random = ReturnType<typeof randomSource>

const most = (runs: number) => ALPHA + 2 * Math.sqrt((ALPHA * (1 - ALPHA)) / runs)

/** A line of 20 characters, two of them wrong: by the candidate one more or one less, or all of them in some lines. */
const line =
  (lost: number) =>
  (random: Random): Row => {
    const edits = random.uniform() < lost ? 20 : 2 + (random.uniform() < 0.5 ? 1 : -1)
    return {
      summaries: [
        [2, 20],
        [edits, 20],
      ],
      scores: [0.1, edits / 20],
    }
  }

test('cer of 60 lines: 2 % of them lost beside small changes are a loss that rarely passes', () => {
  const runs = 150
  // A line that is lost is 0.9 worse; 20 % passed where small changes hid how few lines there were.
  const setting = { rows: 60, runs, margin: 0.02 * 0.9 }
  expect(passRate(metricNamed('cer'), setting, line(0.02))).toBeLessThanOrEqual(most(runs))
})

test('cer of 600 lines, small changes and nothing lost: one point is proven', () => {
  expect(passRate(metricNamed('cer'), { rows: 600, runs: 20, margin: 0.01 }, line(0))).toBeGreaterThan(0.8)
})

/** Masks of two classes that every image holds, and one that a share of them holds: there it may be lost altogether. */
const image =
  (share: number, lost: number) =>
  (random: Random): Row => {
    const rare = random.uniform() < share
    const gone = random.uniform() < lost
    const less = () => 1 + 0.02 * standardNormal(random)
    const base = [400, 500, 160, 200, ...(rare ? [40, 50] : [0, 0])]
    const kept = rare ? (gone ? 0 : 40 * less()) : 0
    const candidate = [400 * less(), 500, 160 * less(), 200, kept, rare ? 50 : 0]
    return { summaries: [base, candidate], scores: [0.8, 0.8 * less() - (rare && gone ? 0.8 / 3 : 0)] }
  }

test('miou: a class of a few images, lost in some of them, is not hidden by what the other images show', () => {
  const runs = 150
  // A third of 0.8 · 0.15; 38 % passed.
  const margin = (0.8 * 0.15) / 3
  const rate = passRate(metricNamed('miou'), { rows: 60, runs, margin }, image(0.1, 0.15))
  expect(rate).toBeLessThanOrEqual(most(runs))
})

test('miou of 400 images, small changes: one point is proven', () => {
  expect(passRate(metricNamed('miou'), { rows: 400, runs: 20, margin: 0.01 }, image(0.5, 0))).toBeGreaterThan(0.8)
})

test('auroc: 5 % of a few positives lost beside small changes are a loss that rarely passes', () => {
  const runs = 80
  const draw = (random: Random): Row => {
    const positive = random.uniform() < 0.05
    const base = positive ? 3 + standardNormal(random) : standardNormal(random)
    const lost = positive && random.uniform() < 0.05
    const candidate = lost ? -9 : base + 0.05 * standardNormal(random)
    return {
      summaries: [
        [positive ? 1 : 0, base],
        [positive ? 1 : 0, candidate],
      ],
      scores: [0, 0],
    }
  }
  // Φ(3 / √2) of the area is each positive's; 39 % passed.
  const rate = passRate(metricNamed('auroc'), { rows: 300, runs, margin: 0.05 * 0.983 }, draw)
  expect(rate).toBeLessThanOrEqual(most(runs))
})

test('what rare breaks could cost is told where it alone stands in the way', () => {
  const random = randomSource(3)
  const rows = Array.from({ length: 100 }, () => line(0)(random))
  const judged = judge(paired(metricNamed('cer'), rows), { margin: 0.02, alpha: ALPHA, resamples: 200 })
  expect(judged.verdict).toBe('inconclusive')
  // What 1 − 0.05^(1/100) of the lines have to lose.
  expect(judged.unseenCost).toBeCloseTo((1 - 0.05 ** 0.01) * 0.9, 3)
  expect(judged.requiredN).toBeGreaterThan(100)
  expect(judge(paired(metricNamed('cer'), rows), { margin: 0.2, alpha: ALPHA, resamples: 200 }).verdict).toBe('pass')
})

test('a class that masks and boxes hold counts by what the base had of it', () => {
  expect([...metricNamed('miou').pieces!([0, 0, 30, 40, 0, 5])]).toEqual([
    [1, 0.75],
    [2, 0],
  ])
  // Two boxes of class 3, one of which is found at 5 of the 10 overlaps; one of class 1 that is not; a find of no class.
  const found = metricNamed('detection:boxes').pieces!([2, 3, 2, 1, 1, 3, 0.9, 0b11111, 7, 0.8, 0])
  expect([...found]).toEqual([
    [3, 0.25],
    [1, 0],
  ])
})
