import { requireCounts, requireProbability } from './counts.ts'
import { betaCdf } from './distributions.ts'

interface Level {
  /** The share of queries that must be under the latency, as 0.9 or 0.99. */
  readonly percentile: number
  /** 0.99 in MLPerf. */
  readonly confidence: number
}

/**
 * Queries that must have been seen when `overs` of them were over the latency, so that with this confidence the true
 * share under it is at least `percentile`: the least n with P(X ≤ overs; n, 1 − percentile) ≤ 1 − confidence, which is
 * I_percentile(n − overs, overs + 1) ≤ 1 − confidence.
 *
 * Source: MLPerf Inference LoadGen, early stopping criterion (tolerance d = 0).
 *
 * @throws RangeError for `overs` that is no whole number, or a percentile or confidence outside (0, 1).
 */
export function earlyStopping({ percentile, confidence, overs }: Level & { readonly overs: number }): number {
  requireCounts({ overs })
  requireProbability('percentile', percentile)
  requireProbability('confidence', confidence)
  const enough = (under: number) => betaCdf(percentile, under, overs + 1) <= 1 - confidence
  let high = 1
  while (!enough(high)) high *= 2
  let low = Math.floor(high / 2)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (enough(middle)) high = middle
    else low = middle
  }
  return high + overs
}

/**
 * The most queries that may be over, among `n` seen: the largest t with `earlyStopping(t) ≤ n`; null where n is too few
 * for any. The latency to report is then the ascending sample with t samples after it, the percentile (n − t) / n.
 *
 * @throws RangeError for an n that is no whole number, or a percentile or confidence outside (0, 1).
 */
export function allowedOvers({ percentile, confidence, n }: Level & { readonly n: number }): number | null {
  requireCounts({ n })
  const fits = (overs: number) => earlyStopping({ percentile, confidence, overs }) <= n
  if (!fits(0)) return null
  let low = 0
  let high = n
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle
  }
  return low
}
