/**
 * What labels that are all 0 or 1, both of which occur, say: of one number a row its class, and of several tags or a
 * mask (`binary`), or with exactly one 1 in each row which class it is (`one-hot`); null where others occur.
 */
export type BinaryLabels = 'binary' | 'one-hot' | null

/** The place of the only 1 where all else is 0; null where there is none, several, or another number. */
export function placeOfOne(values: ArrayLike<unknown>): number | null {
  let place: number | null = null
  for (let i = 0; i < values.length; i++) {
    if (values[i] === 0) continue
    if (values[i] !== 1 || place !== null) return null
    place = i
  }
  return place
}
