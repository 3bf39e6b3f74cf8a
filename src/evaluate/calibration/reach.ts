import { mean, squaredDeviations } from '../../statistics/index.ts'

/** Standard deviations beyond the mean row: one row in 44 of a normal distribution reaches further. */
const DEVIATIONS = 2
const ONE_IN = 44
/** Rows from which a spread is told, and how much further than what was seen it may lead. */
const FEWEST_ROWS = 4
const FURTHEST = 2

/**
 * How much further rows will reach than the furthest of these did, as a factor of 1 or more: few rows seldom hold the
 * one that reaches furthest, and what a range cuts off spoils the rows that have something to tell. Among 44 rows the
 * one in 44 has been seen, and the factor is 1.
 *
 * `ends` holds the end of each row on one side, as a distance from 0; rows that do not reach beyond 0 are left out, and
 * where they are the most, so is the estimate. Row ends are taken for log-normal: exp(mean + 2 · deviation) of their logs.
 */
export function reach(ends: readonly number[]): number {
  if (ends.length >= ONE_IN) return 1
  const logs = ends.filter((end) => end > 0).map(Math.log)
  if (logs.length < Math.max(FEWEST_ROWS, ends.length / 2)) return 1
  const variance = squaredDeviations(logs) / (logs.length - 1)
  const furthest = Math.max(...logs)
  return Math.min(FURTHEST, Math.exp(Math.max(0, mean(logs) + DEVIATIONS * Math.sqrt(variance) - furthest)))
}
