import { mean, squaredDeviations } from './mean.ts'

/**
 * How many times as large the variance of the mean of values is as that of as many independent ones, where some of them
 * are linked: Σ (xᵢ − x̄)(xⱼ − x̄) over all links, those of a value with itself included, over the same without links. 1
 * where it is less, where all values are the same or where nothing is linked; never more than there are values. As the
 * deviations from x̄ add up to 0, a sum over a share s of all pairs is too small by 1 − s: both are divided by theirs.
 *
 * Source: P. M. Aronow, C. Samii and V. A. Assenova, Cluster-robust variance estimation for dyadic data, Political
 * Analysis 23 (2015), for a sum over the pairs that share a member; the design effect of L. Kish, Survey Sampling (1965).
 *
 * @throws RangeError where there are not as many lists of links as values.
 */
export function designEffect(values: ArrayLike<number>, links: readonly Iterable<number>[]): number {
  const n = values.length
  if (links.length !== n) throw new RangeError(`${n} values, links of ${links.length}`)
  const middle = mean(values)
  const alone = squaredDeviations(values)
  const linked = Array.from({ length: n }, () => new Set<number>())
  for (const [i, others] of links.entries())
    for (const j of others)
      if (i !== j) {
        linked[i]!.add(j)
        linked[j]!.add(i)
      }
  let [sum, pairs] = [alone, n]
  for (const [i, others] of linked.entries()) {
    pairs += others.size
    for (const j of others) sum += (values[i]! - middle) * (values[j]! - middle)
  }
  if (!(alone > 0) || pairs === n) return 1
  if (pairs === n ** 2) return n
  return Math.min(n, Math.max(1, (sum * (1 - 1 / n)) / (alone * (1 - pairs / n ** 2))))
}
