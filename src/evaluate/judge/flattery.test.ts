import { expect, test } from 'vitest'
import { randomSource } from '../../statistics/index.ts'
import { flattery } from '../metric/calibration-bias.ts'
import { metricNamed } from '../metric/metrics.ts'
import { judge } from './judge.ts'
import { pairedScores } from './paired-scores.ts'

const metric = metricNamed('ece')

/** Probabilities that are right as often as they say, and the same with logits that are `sharper` times as large. */
function rowsOf(random: { uniform(): number }, count: number, sharper: number) {
  const rows = Array.from({ length: count }, () => {
    const p = random.uniform()
    const label = random.uniform() < p ? 1 : 0
    return { label, scores: [p, p ** sharper / (p ** sharper + (1 - p) ** sharper)] }
  })
  const [base, candidate] = [0, 1].map((model) => {
    const summaries = rows.map(({ label, scores }, row) =>
      metric.summary!({
        outputs: { p: { dtype: 'float64', dims: [1], data: Float64Array.of(scores[model]!) } },
        label,
        row,
      }),
    )
    return { scores: rows.map(() => 0), summaries: metric.summarizeAll!(summaries, summaries) }
  })
  return pairedScores(
    base!,
    candidate!,
    rows.map((_, i) => i),
    metric,
    false,
  )
}

function shareOf(verdict: string, sharper: number, margin: number, rows: number, runs: number): number {
  const random = randomSource(31)
  let found = 0
  for (let run = 0; run < runs; run++) {
    const scores = rowsOf(random, rows, sharper)
    if (judge(scores, { margin, alpha: 0.05, seed: run, resamples: 200 }).verdict === verdict) found++
  }
  return found / runs
}

test('ece, logits twice as large, a true loss of exactly the margin: one case of twenty passes at most', () => {
  // A confidence c from ½ to 1 becomes c² / (c² + (1 − c)²), by (ln 2)/2 + ½ − ¾ more on the mean.
  const margin = Math.log(2) / 2 - 1 / 4
  const runs = 150
  expect(shareOf('pass', 2, margin, 600, runs)).toBeLessThanOrEqual(0.05 + 2 * Math.sqrt((0.05 * 0.95) / runs))
}, 60_000)

test('ece, logits a hundredth larger: nothing that chance adds to both alike stands in the way', () => {
  expect(shareOf('pass', 1.01, 0.02, 600, 50)).toBeGreaterThan(0.8)
}, 60_000)

test('models that say the same are not flattered, and a better one is not against a worse one', () => {
  const random = randomSource(5)
  const right = Array.from({ length: 100 }, () => random.uniform() < 0.75)
  const sure = { confidence: right.map(() => 0.75), right }
  const tooSure = { confidence: right.map(() => 0.95), right }
  expect(flattery(sure, sure)).toEqual({ by: 0, error: 0 })
  // √(2/π) standard errors of the one bin, and next to nothing of a gap of 0.2.
  expect(flattery(sure, tooSure).by).toBeGreaterThan(0.03)
  expect(flattery(sure, tooSure).by).toBeLessThan(0.04)
  expect(flattery(tooSure, sure).by).toBe(0)
})
