import { expect, test } from 'vitest'
import { randomSource, standardNormal } from '../../statistics/index.ts'
import type { Metric } from '../metric/metric.ts'
import { meanAbsoluteError, rootMeanSquaredError, rSquared } from '../metric/regression.ts'
import { judge } from './judge.ts'
import { pairedScores } from './paired-scores.ts'

const RUNS = 400
const ROWS = 60

interface Drawn {
  readonly label: number
  /** How far off the base and the candidate are. */
  readonly errors: readonly [base: number, candidate: number]
}

/** Share of the data sets, each of 60 rows drawn anew, on which the candidate passes. */
function passRate(metric: Metric, seed: number, margin: number, draw: (normal: () => number) => Drawn): number {
  const random = randomSource(seed)
  const rows = Array.from({ length: ROWS }, (_, row) => row)
  let passed = 0
  for (let run = 0; run < RUNS; run++) {
    const drawn = rows.map(() => draw(() => standardNormal(random)))
    const [base, candidate] = [0, 1].map((model) => {
      const scored = drawn.map(({ label, errors }, row) => {
        const outputs = { y: { dtype: 'float64' as const, dims: [1], data: Float64Array.of(label + errors[model]!) } }
        const score = metric.score({ outputs, label, row })
        return { score, summary: metric.summary?.({ outputs, label, row }) ?? [score] }
      })
      return { scores: scored.map(({ score }) => score), summaries: scored.map(({ summary }) => summary) }
    })
    const scores = pairedScores(base!, candidate!, rows, metric, false)
    if (judge(scores, { margin, alpha: 0.05, seed: run, resamples: 200 }).verdict === 'pass') passed++
  }
  return passed / RUNS
}

/** Errors grow with the label, those of the candidate by a quarter more in their square. */
const proportional = (label: number, normal: () => number): Drawn => {
  const base = 0.3 * label * normal()
  return { label, errors: [base, base + 0.15 * label * normal()] }
}
// E y² = e² and Var y = e² − e of a log-normal label; the mean squared errors are 0.09 E y² and 0.1125 E y².
const [square, variance] = [Math.E ** 2, Math.E ** 2 - Math.E]
const more = Math.sqrt(0.1125) - Math.sqrt(0.09)

test.each([
  ['r2', 'log-normal', rSquared(), (0.0225 * square) / variance],
  ['rmse', 'log-normal', rootMeanSquaredError(), more * Math.E],
  ['rmse', 'normal', rootMeanSquaredError(), more],
] as const)(
  '%s of %s labels, a true loss of exactly the margin: one case of twenty passes at most',
  (_, labels, metric, margin) => {
    const rate = passRate(metric, 21, margin, (normal) =>
      proportional(labels === 'normal' ? normal() : Math.exp(normal()), normal),
    )
    expect(rate).toBeLessThanOrEqual(0.05 + 2 * Math.sqrt((0.05 * 0.95) / RUNS))
  },
  60_000,
)

test.each([
  // E e^z = √e of a normal z.
  [
    'mae',
    'losses that are log-normal',
    meanAbsoluteError(),
    0.3 * Math.sqrt(Math.E),
    (normal: () => number): Drawn => {
      const base = Math.abs(normal())
      return { label: 0, errors: [base, base + 0.3 * Math.exp(normal())] }
    },
  ],
  // (1 + z)² is 2 on the mean, and skewed.
  [
    'rmse',
    'errors twice as large in their square',
    rootMeanSquaredError(),
    Math.SQRT2 - 1,
    (normal: () => number): Drawn => {
      const base = normal()
      return { label: 0, errors: [base, base + Math.abs(base) * normal()] }
    },
  ],
] as const)(
  '%s of %s, a true loss of exactly the margin: few rows lose far more than the others, and one case of twenty passes',
  (_, __, metric, margin, draw) => {
    expect(passRate(metric, 21, margin, draw)).toBeLessThanOrEqual(0.05 + 2 * Math.sqrt((0.05 * 0.95) / RUNS))
  },
  60_000,
)

test('where no row weighs much more than others, equally good models pass nearly as often as with a normal interval', () => {
  const rate = passRate(rSquared(), 3, 0.05, (normal) => {
    const common = 0.3 * normal()
    return { label: normal(), errors: [common + 0.15 * normal(), common + 0.15 * normal()] }
  })
  // 77 % with a normal interval, 73 with Student's of as many rows as weigh, 69 with the allowance for skewed losses;
  // two standard errors are four.
  expect(rate).toBeGreaterThan(0.65)
}, 60_000)
