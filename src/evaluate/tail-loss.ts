import type { ComparisonReport } from '../report/index.ts'
import { normalQuantile, squaredDeviations } from '../statistics/index.ts'

/** Share of the rows that is called the tail. */
const SHARE = 0.05

/**
 * The mean of the worst 5 % of per-row loss rises (conditional value at risk), and of the losses themselves. A mean that
 * stands still can hide a few rows that became hopeless. The interval is the asymptotic one of the influence function
 * q + (x − q)⁺ / share, two-sided 1−α.
 *
 * Source: R. T. Rockafellar and S. Uryasev, Optimization of conditional value-at-risk, Journal of Risk 2 (2000).
 *
 * @returns null for fewer than 20 rows: they have no 5 %.
 */
export function tailLoss(
  loss: string,
  base: readonly number[],
  candidate: readonly number[],
  alpha: number,
): NonNullable<ComparisonReport['tail']> | null {
  const pairs = base
    .map((value, i) => [value, candidate[i]!] as const)
    .filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b))
  if (pairs.length * SHARE < 1) return null
  const rises = pairs.map(([a, b]) => b - a)
  const { value, quantile, rows } = conditionalValueAtRisk(rises)
  const influence = rises.map((rise) => quantile + Math.max(0, rise - quantile) / SHARE)
  const variance = squaredDeviations(influence) / Math.max(1, influence.length - 1)
  const half = normalQuantile(1 - alpha / 2) * Math.sqrt(variance / influence.length)
  return {
    loss,
    share: SHARE,
    rows,
    rise: value,
    ci: [value - half, value + half],
    base: conditionalValueAtRisk(pairs.map(([a]) => a)).value,
    candidate: conditionalValueAtRisk(pairs.map(([, b]) => b)).value,
  }
}

function conditionalValueAtRisk(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => b - a)
  const rows = Math.max(1, Math.floor(values.length * SHARE))
  const worst = sorted.slice(0, rows)
  return { value: worst.reduce((sum, x) => sum + x, 0) / rows, quantile: worst.at(-1)!, rows }
}
