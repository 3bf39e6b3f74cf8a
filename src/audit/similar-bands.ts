/** Signatures of `bands` × `rows` hashes, of which a pair is looked at where one band agrees in all of its rows. */
export interface Bands {
  readonly bands: number
  readonly rows: number
}

const STEPS = 1000

/**
 * The chance that a pair of this Jaccard similarity is looked at: 1 − (1 − sʳ)ᵇ.
 * Source: A. Rajaraman and J. Ullman, Mining of Massive Datasets (2011), section 3.4.
 */
export const chanceOfPair = (similarity: number, { bands, rows }: Bands): number =>
  1 - (1 - similarity ** rows) ** bands

/** About where the chance of a pair rises fastest: (1/b)^(1/r). */
export const thresholdOf = ({ bands, rows }: Bands): number => (1 / bands) ** (1 / rows)

/**
 * The division of at most `hashes` hashes that makes the two mistakes together smallest: the integral of the chance below
 * the threshold (pairs looked at in vain) and of its complement above (pairs missed), weighed alike.
 *
 * Source: E. Zhu, V. Nargesian, K. Pu and R. Miller, LSH Ensemble, PVLDB 9 (2016), section 5.5.
 *
 * @throws RangeError for a threshold outside (0, 1) or no hashes.
 */
export function bandsFor(threshold: number, hashes: number): Bands {
  if (!(threshold > 0 && threshold < 1)) throw new RangeError(`threshold must lie between 0 and 1, got ${threshold}`)
  if (!(Number.isInteger(hashes) && hashes > 0))
    throw new RangeError(`hashes must be a whole number > 0, got ${hashes}`)
  let best: { readonly choice: Bands; readonly error: number } | undefined
  for (let bands = 1; bands <= hashes; bands++)
    for (let rows = 1; rows <= Math.floor(hashes / bands); rows++) {
      const choice = { bands, rows }
      const inVain = integral((s) => chanceOfPair(s, choice), 0, threshold)
      const missed = integral((s) => 1 - chanceOfPair(s, choice), threshold, 1)
      if (!best || inVain + missed < best.error) best = { choice, error: inVain + missed }
    }
  return best!.choice
}

/** Middle-point rule. */
function integral(of: (x: number) => number, from: number, to: number): number {
  const step = (to - from) / STEPS
  let sum = 0
  for (let i = 0; i < STEPS; i++) sum += of(from + (i + 0.5) * step)
  return sum * step
}
