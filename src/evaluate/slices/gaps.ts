import type { Gap } from '../../report/index.ts'
import { bootstrap } from '../../statistics/index.ts'
import { slicesOf } from './slices.ts'

/** A group with fewer rows has no mean worth comparing. */
const FEWEST_ROWS = 20

/**
 * How far the mean score of a row differs between the groups of a field, before and after: the greatest group mean less
 * the least. What a smaller model did to fairness is the *change* of that gap on the same rows; its interval is a paired
 * BCa bootstrap (of clusters, where rows come in them). Groups of fewer than 20 rows stand aside and are named.
 *
 * Source: difference between groups as in Fairlearn; its change under compression as in S. Hooker et al.,
 * Characterising bias in compressed models, arXiv 2010.03058 (2020).
 *
 * @returns null where fewer than two groups are large enough.
 */
export function gapOf(input: {
  readonly field: string
  readonly values: readonly (string | number)[]
  readonly base: readonly number[]
  readonly candidate: readonly number[]
  readonly clusters?: readonly (string | number)[]
  readonly alpha: number
  readonly seed: number
}): Gap | null {
  const { field, values, base, candidate, clusters, alpha, seed } = input
  const all = slicesOf(field, values)
  const groups = all.filter(({ rows }) => rows.length >= FEWEST_ROWS)
  if (groups.length < 2) return null
  const groupOf = new Int32Array(values.length).fill(-1)
  for (const [group, { rows }] of groups.entries()) for (const row of rows) groupOf[row] = group
  const used = values.map((_, row) => row).filter((row) => groupOf[row]! >= 0)
  const spread = (scores: readonly number[], rows: ArrayLike<number>) => {
    const sums = new Float64Array(groups.length)
    const counts = new Float64Array(groups.length)
    for (let i = 0; i < rows.length; i++) {
      const row = used[rows[i]!]!
      sums[groupOf[row]!]! += scores[row]!
      counts[groupOf[row]!]!++
    }
    let [least, most] = [Infinity, -Infinity]
    for (let group = 0; group < groups.length; group++) {
      if (counts[group] === 0) continue
      const mean = sums[group]! / counts[group]!
      least = Math.min(least, mean)
      most = Math.max(most, mean)
    }
    return most - least
  }
  const whole = Int32Array.from(used, (_, place) => place)
  const drawn = bootstrap({
    rows: used.length,
    statistic: (rows) => spread(candidate, rows) - spread(base, rows),
    ...(clusters ? { clusters: used.map((row) => clusters[row]!) } : {}),
    seed,
    alpha,
    resamples: Math.round(Math.min(2_000, Math.max(500, 2e7 / used.length))),
  })
  const [before, after] = [spread(base, whole), spread(candidate, whole)]
  return {
    field,
    groups: groups.map(({ name }) => name),
    leftOut: all.filter((slice) => !groups.includes(slice)).map(({ name }) => name),
    base: before,
    candidate: after,
    change: after - before,
    ci: drawn.ci,
    lowerBound: drawn.lowerBound,
    upperBound: drawn.upperBound,
  }
}
