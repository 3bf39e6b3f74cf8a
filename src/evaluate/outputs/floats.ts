import type { TensorValue } from '../../engine/index.ts'
import { type NumericArray, tensorOf, toFloat32 } from '../../ir/index.ts'

/** The elements of a floating value as numbers; float32 and float64 as they are, smaller types widened exactly. */
export function floatsOf(value: TensorValue): Float32Array | Float64Array {
  if (value.data instanceof Float32Array || value.data instanceof Float64Array) return value.data
  return toFloat32(tensorOf(value.dtype, value.dims, value.data as NumericArray))
}

/** The largest finite magnitude; 0 where there is none. */
export function largestOf(values: Float32Array | Float64Array): number {
  let most = 0
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!)
    if (size > most && size < Number.POSITIVE_INFINITY) most = size
  }
  return most
}
