import { roundHalfEven } from '../../ir/index.ts'

/** int8 weights with one scale a channel and zero point 0; `codes` lie as the float weights did. */
export interface ChannelWeights {
  readonly codes: Int8Array
  readonly scales: Float32Array
}

export interface ChannelOptions {
  /**
   * Keeps every pair of codes of a channel from adding up to more than 128 in magnitude. Kernels for x86 without VNNI
   * add two products of an unsigned 8-bit activation and an 8-bit weight in 16 bits: 255 · 128 still fits, 255 · 129
   * does not. The bound holds for any order in which a kernel pairs the weights.
   */
  readonly pairSafe?: boolean
  /** Lower bounds of the scales, one a channel: a bias may need them to fit into 32 bits. */
  readonly atLeast?: ArrayLike<number>
}

/**
 * Symmetric int8 codes per index of `axis`: scale = max|w| / 127. A channel of zeros gets scale 1, or its lower
 * bound. `dims` row-major.
 */
export function quantizeChannels(
  values: ArrayLike<number>,
  dims: readonly number[],
  axis: number,
  options: ChannelOptions = {},
): ChannelWeights {
  const channels = dims[axis]!
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const reach = options.pairSafe ? pairReach(values, channels, inner) : magnitudes(values, channels, inner)
  const scales = new Float32Array(channels)
  for (let c = 0; c < channels; c++) {
    const scale = Math.max(reach[c]! / 127, options.atLeast?.[c] ?? 0)
    scales[c] = scale > 0 ? Math.max(scale, 1.1754943508222875e-38) : 1
  }
  const codes = new Int8Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const code = roundHalfEven(values[i]! / scales[Math.floor(i / inner) % channels]!)
    codes[i] = Math.min(127, Math.max(-127, code))
  }
  return { codes, scales }
}

/** Largest |w| of each channel. */
function magnitudes(values: ArrayLike<number>, channels: number, inner: number): Float64Array {
  const result = new Float64Array(channels)
  for (let i = 0; i < values.length; i++) {
    const c = Math.floor(i / inner) % channels
    const size = Math.abs(values[i]!)
    if (size > result[c]!) result[c] = size
  }
  return result
}

/** Largest |sum| of two weights of one sign in each channel (or of one weight, where it is alone). */
function pairReach(values: ArrayLike<number>, channels: number, inner: number): Float64Array {
  const top = [0, 1, 2, 3].map(() => new Float64Array(channels))
  const note = (first: Float64Array, second: Float64Array, c: number, size: number) => {
    if (size > first[c]!) {
      second[c] = first[c]!
      first[c] = size
    } else if (size > second[c]!) second[c] = size
  }
  for (let i = 0; i < values.length; i++) {
    const c = Math.floor(i / inner) % channels
    const value = values[i]!
    if (value > 0) note(top[0]!, top[1]!, c, value)
    else note(top[2]!, top[3]!, c, -value)
  }
  return top[0]!.map((size, c) => Math.max(size + top[1]![c]!, top[2]![c]! + top[3]![c]!))
}

/** Largest |sum| of two codes of one sign in any channel: at most 128 where no 16-bit sum can saturate. */
export function worstPair(codes: Int8Array, dims: readonly number[], axis: number): number {
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  return pairReach(codes, dims[axis]!, inner).reduce((worst, value) => Math.max(worst, value), 0)
}
