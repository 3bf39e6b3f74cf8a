/** How far two distributions over the same categories (or bins) lie apart. Sizes of an effect: they do not grow with n. */

/**
 * Population stability index, Σ (aᵢ − bᵢ) ln(aᵢ / bᵢ) over shares: 0 where equal. Shares of 0 count as `least`, since
 * the index has no value for them. A usual reading: below 0.1 nothing moved, above 0.25 much did.
 *
 * Source: the symmetric divergence J of H. Jeffreys (1946); S. Kullback and R. A. Leibler (1951), equation 2.6.
 *
 * @throws RangeError for lists of different lengths, negative counts or none at all.
 */
export function populationStability(a: readonly number[], b: readonly number[], least = 1e-4): number {
  const [p, q] = [sharesOf(a, b.length), sharesOf(b, a.length)]
  return p.reduce((sum, share, i) => {
    const [x, y] = [Math.max(least, share), Math.max(least, q[i]!)]
    return sum + (x - y) * Math.log(x / y)
  }, 0)
}

/**
 * Jensen–Shannon distance to the base 2, from 0 (equal) to 1 (nothing in common): the root of the mean divergence of both
 * from their middle. A metric, unlike the divergence itself, and defined where shares are 0.
 *
 * Source: D. M. Endres and J. E. Schindelin, A new metric for probability distributions, IEEE Trans. IT 49 (2003).
 *
 * @throws RangeError for lists of different lengths, negative counts or none at all.
 */
export function jensenShannon(a: readonly number[], b: readonly number[]): number {
  const [p, q] = [sharesOf(a, b.length), sharesOf(b, a.length)]
  const term = (x: number, middle: number) => (x > 0 ? x * Math.log2(x / middle) : 0)
  const divergence = p.reduce((sum, x, i) => {
    const middle = (x + q[i]!) / 2
    return sum + (term(x, middle) + term(q[i]!, middle)) / 2
  }, 0)
  return Math.sqrt(Math.min(1, Math.max(0, divergence)))
}

/** Counts or shares as shares of 1. */
function sharesOf(counts: readonly number[], length: number): readonly number[] {
  if (counts.length !== length) throw new RangeError('the two lists need the same categories')
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (!(total > 0 && Number.isFinite(total)) || counts.some((count) => !(count >= 0)))
    throw new RangeError('counts must not be negative, nor all 0')
  return counts.map((count) => count / total)
}
