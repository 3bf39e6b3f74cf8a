import { requireProbability } from './counts.ts'
import { binomialQuantile } from './distributions.ts'

/** The nearest-rank percentile: the least value that at least this share of an ascending, not empty sample is up to. */
export function nearestRank(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!
}

/**
 * Distribution-free interval of a percentile from order statistics: the values at ranks l = Bin⁻¹(α/2; n, p) and
 * u = Bin⁻¹(1 − α/2; n, p) + 1 of the sorted sample cover it with at least the confidence. An end is null where the
 * sample is too small to have it. `value` is the nearest-rank percentile.
 *
 * Source: H. A. David and H. N. Nagaraja, Order Statistics, section 7.1.
 *
 * @throws RangeError for an empty sample, or a percentile or confidence outside (0, 1).
 */
export function orderStatisticInterval(input: {
  readonly values: readonly number[] | Float64Array
  readonly percentile: number
  readonly confidence?: number
}): { readonly value: number; readonly ci: readonly [number | null, number | null] } {
  const { values, percentile, confidence = 0.95 } = input
  requireProbability('percentile', percentile)
  requireProbability('confidence', confidence)
  const n = values.length
  if (n === 0) throw new RangeError('a percentile needs at least one value')
  const sorted = Float64Array.from(values).sort()
  const alpha = 1 - confidence
  const low = binomialQuantile(alpha / 2, n, percentile)
  const high = binomialQuantile(1 - alpha / 2, n, percentile) + 1
  const at = (rank: number) => (rank >= 1 && rank <= n ? sorted[rank - 1]! : null)
  return { value: nearestRank(sorted, percentile), ci: [at(low), at(high)] }
}
