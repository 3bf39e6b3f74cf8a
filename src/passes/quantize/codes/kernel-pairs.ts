import { elementCount, type Tensor, toNumbers } from '../../../ir/index.ts'

/**
 * Where the weights of one channel lie in the order in which integer kernels take them: depth k of channel c at
 * `c·channelStride + (k mod inner)·innerStride + ⌊k / inner⌋·outerStride`.
 */
interface DepthOrder {
  readonly channels: number
  readonly depth: number
  readonly channelStride: number
  readonly inner: number
  readonly innerStride: number
  readonly outerStride: number
}

/**
 * The largest magnitude that two neighbouring codes of one sign may add up to: 255 · 128 fits into the 16 bits in which
 * x86 kernels without VNNI add two products of an unsigned 8-bit activation and a signed 8-bit weight; 255 · 129 does
 * not. Codes of different signs never leave 16 bits.
 */
export const MOST_PAIR = 128

/** The same of two weights under shares of 255, the codes that they meet: the largest sum that fits. */
export const MOST_SUM = 32767 / 255

/**
 * The orders of a convolution's weights [M, C, k…], of a product's [N, K] (`axis` 0) and of [K, N] (`axis` 1). Kernels
 * on NHWC, as the runtime's QLinearConv, take a convolution's channels first and its places second; those that unfold
 * NCHW take them as they lie. Source: MLAS `QgemmU8S8KernelAvx2`, `QgemvU8S8KernelAvx2`, `ConvSymKernelAvx2`; their
 * packing of four rows keeps 2i and 2i + 1 together.
 */
export function depthOrders(dims: readonly number[], axis: number): readonly DepthOrder[] {
  if (axis === 0) {
    const inner = dims[1] ?? 1
    const taps = elementCount(dims.slice(2))
    const depth = inner * taps
    const flat = { channels: dims[0]!, depth, channelStride: depth, inner: depth, innerStride: 1, outerStride: 0 }
    return taps === 1 || inner === 1 ? [flat] : [{ ...flat, inner, innerStride: taps, outerStride: 1 }, flat]
  }
  const [depth, channels] = [dims[0]!, dims[1]!]
  return [{ channels, depth, channelStride: 1, inner: depth, innerStride: channels, outerStride: 0 }]
}

/** Whether two neighbouring products of one sign of a convolution's codes [M, C, k…] can leave 16 bits. */
export const leavesBits = (codes: Tensor): boolean =>
  pairReach(toNumbers(codes), depthOrders(codes.dims, 0)).some((reach) => reach > MOST_PAIR)

/**
 * The largest |sum| of two neighbours of one sign in every channel, in any of the orders; `from` skips elements. With
 * `shares`, one an element, of the products with these.
 */
export function pairReach(
  values: ArrayLike<number>,
  orders: readonly DepthOrder[],
  from = 0,
  shares?: ArrayLike<number>,
): Float64Array {
  const reach = new Float64Array(orders[0]!.channels)
  for (const order of orders) raiseTo(reach, values, order, from, shares)
  return reach
}

function raiseTo(
  reach: Float64Array,
  values: ArrayLike<number>,
  { channels, depth, channelStride, inner, innerStride, outerStride }: DepthOrder,
  from: number,
  shares: ArrayLike<number> | undefined,
): void {
  const places = new Int32Array(depth)
  for (let k = 0; k < depth; k++) places[k] = from + (k % inner) * innerStride + Math.floor(k / inner) * outerStride
  const numberAt = (i: number) => (shares ? values[i]! * shares[i]! : values[i]!)
  const raise = (c: number, i: number, j: number) => {
    const first = numberAt(i)
    const second = j < 0 ? 0 : numberAt(j)
    const sum = first > 0 === second > 0 ? Math.abs(first + second) : Math.max(Math.abs(first), Math.abs(second))
    if (sum > reach[c]!) reach[c] = sum
  }
  // Memory is read as it lies: by rows where the channels of a row are neighbours.
  if (channelStride === 1)
    for (let k = 0; k < depth; k += 2) {
      const i = places[k]!
      const j = k + 1 < depth ? places[k + 1]! : -channels
      for (let c = 0; c < channels; c++) raise(c, i + c, j + c)
    }
  else
    for (let c = 0; c < channels; c++) {
      const base = c * channelStride
      for (let k = 0; k < depth; k += 2) raise(c, base + places[k]!, k + 1 < depth ? base + places[k + 1]! : -1)
    }
}
