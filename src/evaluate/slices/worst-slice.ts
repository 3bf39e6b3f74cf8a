import type { ComparisonReport, SliceResult } from '../../report/index.ts'
import { maxT } from '../../statistics/index.ts'
import { judge } from '../judge/judge.ts'
import type { PairedScores } from '../judge/paired-scores.ts'
import type { Slice } from './slices.ts'

/**
 * "Every declared slice is within its margin", where the rows allow to say so: an intersection–union test, each slice at
 * α and none corrected. Null without declared slices.
 *
 * Source: R. L. Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24 (1982).
 */
export function everySlice(slices: readonly SliceResult[]): ComparisonReport['everySlice'] | null {
  const declared = slices.filter((slice) => slice.declared)
  if (declared.length === 0) return null
  const passing = declared.filter(({ verdict }) => verdict === 'pass').length
  return { holds: passing === declared.length, passing, of: declared.length }
}

/**
 * The slice with the strongest evidence of a loss, over all the slices that were looked at: its p-value is max-T (sign
 * flips of whole rows, or of whole clusters), and its lower bound is taken at α / number of slices, so that it holds for
 * every slice at once whatever the choice of the worst. Null for fewer than two slices.
 */
export function worstSlice(
  slices: readonly Slice[],
  gains: readonly number[],
  scoresOf: (rows: readonly number[]) => PairedScores,
  options: { readonly alpha: number; readonly margin: number; readonly seed: number },
  clusters: readonly (string | number)[] | null,
): ComparisonReport['worstSlice'] | null {
  if (slices.length < 2) return null
  const differences = differencesBySlice(slices, gains, clusters)
  const { alpha, margin, seed } = options
  const of = slices.length
  const resamples = Math.round(Math.min(2000, Math.max(200, 2e8 / Math.max(1, differences.length * of))))
  const { statistics, adjusted } =
    differences.length === 0
      ? { statistics: slices.map(() => 0), adjusted: slices.map(() => 1) }
      : maxT({ differences, seed, resamples })
  const worst = statistics.reduce((best, value, j) => (value > statistics[best]! ? j : best), 0)
  const slice = slices[worst]!
  const { delta, lowerBound } = judge(scoresOf(slice.rows), { margin, alpha: alpha / of, seed })
  if (!Number.isFinite(delta) || !Number.isFinite(lowerBound)) return null
  return { name: slice.name, n: slice.rows.length, delta, lowerBound, adjustedP: adjusted[worst]!, of }
}

/** One line a row (or cluster) that differs at all, one column a slice; NaN where the row is not in it. */
function differencesBySlice(
  slices: readonly Slice[],
  gains: readonly number[],
  clusters: readonly (string | number)[] | null,
): readonly (readonly number[])[] {
  const lines = new Map<string | number, number[]>()
  for (const [j, { rows }] of slices.entries())
    for (const row of rows) {
      const gain = gains[row]!
      if (gain === 0) continue
      const unit = clusters ? clusters[row]! : row
      let line = lines.get(unit)
      if (!line) lines.set(unit, (line = new Array<number>(slices.length).fill(Number.NaN)))
      line[j] = (Number.isNaN(line[j]!) ? 0 : line[j]!) + gain
    }
  return [...lines.values()]
}
