import { elementCount, magnitudes, roundHalfEven } from '../../../ir/index.ts'
import { SMALLEST_SCALE } from './affine.ts'
import { balanceSums, kernelLayout } from './balance-sums.ts'
import { depthOrders, MOST_PAIR, MOST_SUM, pairReach } from './kernel-pairs.ts'

/** int8 weights with one scale a channel and zero point 0; `codes` lie as the float weights did. */
export interface ChannelWeights {
  readonly codes: Int8Array
  readonly scales: Float32Array
}

export interface ChannelOptions {
  /**
   * Keeps what x86 kernels without VNNI add in 16 bits from saturating (see `kernel-pairs.ts`): `neighbours` looks at
   * the pairs that the kernels take of weights [M, C, k…], [N, K] or [K, N], and gives up range only in channels where
   * one of them is too large; `any` holds for every order in which a kernel might pair the weights.
   */
  readonly pairSafe?: 'neighbours' | 'any' | undefined
  /** Of `pairSafe`: the largest code that each weight meets, as a share of 255; all are 1 by default. */
  readonly reached?: ArrayLike<number> | undefined
  /** Lets errors cancel in the sums of kernels and channels instead of rounding each weight to the nearest code. */
  readonly balanced?: boolean | undefined
  /** Lower bounds of the scales, one a channel: a bias may need them to fit into 32 bits. */
  readonly atLeast?: ArrayLike<number> | undefined
  /** The largest magnitude of a code: 127 by default, 7 for four bits. */
  readonly most?: number | undefined
}

/**
 * Symmetric codes per index of `axis`: scale = max|w| / 127 (or `most`), or more where `pairSafe` asks for it. A channel of
 * zeros gets scale 1, or its lower bound. `dims` row-major.
 */
export function quantizeChannels(
  values: ArrayLike<number>,
  dims: readonly number[],
  axis: number,
  options: ChannelOptions,
): ChannelWeights {
  const { most: last = 127, reached } = options
  const channels = dims[axis]!
  const inner = elementCount(dims.slice(axis + 1))
  const single = magnitudes(values, dims, axis)
  const pairs = options.pairSafe && reachOf(values, dims, axis, options)
  // Rounding may add half a code to either of two weights. A sum of whole codes stays within 128; under shares it may not.
  const mostPair = reached ? MOST_PAIR - 0.5 : MOST_PAIR
  const scales = new Float32Array(channels)
  for (let c = 0; c < channels; c++) {
    const scale = Math.max(single[c]! / last, (pairs?.[c] ?? 0) / mostPair, options.atLeast?.[c] ?? 0)
    scales[c] = scale > 0 ? Math.max(scale, SMALLEST_SCALE) : 1
  }
  let codes = nearestCodes(values, scales, inner, last)
  // The bound holds for real scales; their rounding to float32 may push a code that stands at a half over it.
  while (options.pairSafe) {
    const reach = reachOf(codes, dims, axis, options)
    if (reach.every((most) => most <= MOST_SUM)) break
    for (let c = 0; c < channels; c++) if (reach[c]! > MOST_SUM) scales[c] = scales[c]! * (1 + 2 ** -20)
    codes = nearestCodes(values, scales, inner, last)
  }
  if (!options.balanced) return { codes, scales }
  const balanced = balanceSums(values, { codes, scales }, kernelLayout(dims, axis), last)
  if (!options.pairSafe) return balanced
  // Codes that were moved by one may lie beyond the bound: in these channels the nearest ones stay.
  const reach = reachOf(balanced.codes, dims, axis, options)
  reach.forEach((most, c) => {
    if (most <= MOST_SUM) return
    for (let at = c * inner; at < codes.length; at += channels * inner)
      balanced.codes.set(codes.subarray(at, at + inner), at)
  })
  return balanced
}

/** The nearest codes under scales that repeat after each other, every one for `inner` weights at a time. */
export function nearestCodes(values: ArrayLike<number>, scales: Float32Array, inner: number, most: number): Int8Array {
  const codes = new Int8Array(values.length)
  for (let i = 0, c = 0; i < values.length; c = c + 1 < scales.length ? c + 1 : 0) {
    const scale = scales[c]!
    for (const end = i + inner; i < end; i++)
      codes[i] = roundHalfEven(Math.min(most, Math.max(-most, values[i]! / scale)))
  }
  return codes
}

/** As `quantizeChannels`, with one scale for all channels, the least that every one of them can do with. */
export function quantizeWhole(
  values: ArrayLike<number>,
  dims: readonly number[],
  axis: number,
  options: ChannelOptions = {},
): ChannelWeights {
  const { most: last = 127 } = options
  let least = magnitudes(values, [1, values.length], 0)[0]! / last
  for (;;) {
    const atLeast = new Float64Array(dims[axis]!).fill(least)
    const { codes, scales } = quantizeChannels(values, dims, axis, { ...options, atLeast })
    const [scale] = scales.toSorted().slice(-1) as Float32Array & [number]
    // Where pairs of weights may not saturate, single channels ask for more than the largest weight does.
    if (scales.every((other) => other === scale)) return { codes, scales: Float32Array.of(scale) }
    least = scale
  }
}

function reachOf(
  values: ArrayLike<number>,
  dims: readonly number[],
  axis: number,
  { pairSafe, reached }: ChannelOptions,
): Float64Array {
  if (pairSafe === 'neighbours') return pairReach(values, depthOrders(dims, axis), 0, reached)
  const inner = elementCount(dims.slice(axis + 1))
  const products = reached ? Float64Array.from(values, (value, t) => value * reached[t]!) : values
  return anyPairReach(products, dims[axis]!, inner)
}

/** Largest |sum| of any two weights of one sign in each channel (or of one weight, where it is alone). */
export function anyPairReach(values: ArrayLike<number>, channels: number, inner: number): Float64Array {
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
