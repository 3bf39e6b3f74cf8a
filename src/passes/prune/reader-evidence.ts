/** What the product of a reader reads: x [size] in window after window. */
export interface ReaderEvidence {
  /** Mean of each input; zeros where there is no bias to take it up. */
  readonly mean: Float64Array
  /** H [size, size]: the mean of (x − mean)(x − mean)ᵀ. */
  readonly h: ArrayLike<number>
  /** Windows that H was made of. */
  readonly windows: number
  /** Windows of other rows [count, size]: what is fitted to H is judged by these. */
  readonly held: Float32Array
}

/**
 * How far other weights are from these on the windows that nothing was fitted to, as a share of the power there: about
 * the mean where that is taken up.
 */
export function heldNoise(
  { mean, held }: ReaderEvidence,
  before: Float64Array,
  after: Float64Array,
  centred: boolean,
): number {
  const size = mean.length
  const outputs = before.length / size
  const count = held.length / size
  const made = () => new Float64Array(outputs)
  const [change, output, squares, sums] = [made(), made(), made(), made()]
  let noise = 0
  for (let v = 0; v < count; v++) {
    change.fill(0)
    output.fill(0)
    for (let k = 0; k < size; k++) {
      const value = held[v * size + k]!
      const off = value - mean[k]!
      for (let o = 0; o < outputs; o++) {
        const weight = before[k * outputs + o]!
        change[o]! += off * (weight - after[k * outputs + o]!)
        output[o]! += value * weight
      }
    }
    for (let o = 0; o < outputs; o++) {
      noise += change[o]! ** 2
      squares[o]! += output[o]! ** 2
      sums[o]! += output[o]!
    }
  }
  let power = 0
  for (let o = 0; o < outputs; o++) power += squares[o]! - (centred ? sums[o]! ** 2 / count : 0)
  return noise / power
}

/** Why nothing is known of what a reader reads. */
export interface Unread {
  readonly unread: string
}
