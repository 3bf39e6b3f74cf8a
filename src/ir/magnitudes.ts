import { elementCount } from './tensor.ts'

/** Largest |w| per index of `axis`. */
export function magnitudes(values: ArrayLike<number>, dims: readonly number[], axis: number): Float64Array {
  const channels = dims[axis]!
  const inner = elementCount(dims.slice(axis + 1))
  const result = new Float64Array(channels)
  for (let i = 0, c = 0; i < values.length; c = c + 1 < channels ? c + 1 : 0) {
    let most = result[c]!
    for (const end = i + inner; i < end; i++) {
      const size = Math.abs(values[i]!)
      if (size > most) most = size
    }
    result[c] = most
  }
  return result
}
