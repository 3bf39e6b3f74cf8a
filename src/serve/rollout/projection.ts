/** Numbers that stand for a large tensor. */
const PROJECTIONS = 8
/** A tensor of fewer elements could be made again from its projections. */
const LEAST_ELEMENTS = 64
/** Digits that are kept: more say nothing of a change. */
const DIGITS = 5

/**
 * A few sums of an embedding or an image with random signs, divided by the root of their count: near inputs stay near
 * (Johnson and Lindenstrauss), and none can be made again from so few. The signs of a place are always the same, so
 * that the numbers of different days can be compared. null for small tensors, and where an element is no number.
 */
export function projectionOf(values: Float64Array): readonly number[] | null {
  if (values.length < LEAST_ELEMENTS) return null
  const sums = new Array<number>(PROJECTIONS).fill(0)
  for (let i = 0; i < values.length; i++) {
    const signs = mixed(i)
    const value = values[i]!
    for (let k = 0; k < PROJECTIONS; k++) sums[k] = sums[k]! + ((signs >>> k) & 1 ? value : -value)
  }
  const scale = 1 / Math.sqrt(values.length)
  const scaled = sums.map((sum) => Number((sum * scale).toPrecision(DIGITS)))
  return scaled.every(Number.isFinite) ? scaled : null
}

/** Bits of a place that look random: the last steps of MurmurHash3 (A. Appleby). */
function mixed(place: number): number {
  let bits = Math.imul(place + 1, 0x9e3779b1)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
