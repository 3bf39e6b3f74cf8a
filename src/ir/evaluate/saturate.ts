import { elementCount } from '../tensor.ts'
import type { Call } from './call.ts'
import { broadcastDims, broadcastStrides, offsetsOf } from './layout.ts'
import { type Nd, numbersOf } from './value.ts'
import { groupOf, windowOf, windowOffsets } from './window.ts'

/**
 * What x86 processors without VNNI make of unsigned × signed 8-bit products. VPMADDUBSW adds the products of two
 * neighbours in signed 16 bits and saturates; VPMADDWD and VPADDD then add exactly. Neighbours are 2i and 2i + 1 along
 * the depth of the product, which in a QLinearConv runs over channels first and kernel places second (NHWC). Its
 * depthwise kernels widen before they multiply and are exact. ConvInteger multiplies weights by unfolded windows, so its
 * unsigned side is the weights, and its depth runs over places first (NCHW), also where it is depthwise. All other pairs
 * of types are widened and exact. Source: MLAS, `QgemmU8S8KernelAvx2`, `QgemvU8S8KernelAvx2`, `ConvSymKernelAvx2` (the
 * SSE4.1 and AVX-512 kernels pair alike); ONNX Runtime, `ConvInteger::Compute`.
 *
 * Zero points stay out of it: kernels multiply raw codes and correct afterwards, exactly. So the loss is a sum of its
 * own that is added to the exact result.
 */
const [LEAST, MOST] = [-32768, 32767]
const UNSIGNED: readonly [number, number] = [0, 255]
const SIGNED: readonly [number, number] = [-128, 127]

interface Pair {
  readonly first: number
  readonly second: number
  readonly weights: readonly [number, number]
}

/**
 * The pairs of one channel whose sum with codes of this range can leave 16 bits at all; `weightAt(i)` is its weight at
 * depth i.
 */
function riskyPairs(depth: number, weightAt: (place: number) => number, [least, most] = UNSIGNED): Pair[] {
  const pairs: Pair[] = []
  for (let first = 0; first + 1 < depth; first += 2) {
    const weights = [weightAt(first), weightAt(first + 1)] as const
    const high = Math.max(weights[0] * least, weights[0] * most) + Math.max(weights[1] * least, weights[1] * most)
    const low = Math.min(weights[0] * least, weights[0] * most) + Math.min(weights[1] * least, weights[1] * most)
    if (high > MOST || low < LEAST) pairs.push({ first, second: first + 1, weights })
  }
  return pairs
}

function lossOf(pairs: readonly Pair[], codeAt: (place: number) => number): number {
  let loss = 0
  for (const { first, second, weights } of pairs) {
    const sum = codeAt(first) * weights[0] + codeAt(second) * weights[1]
    if (sum > MOST) loss += MOST - sum
    else if (sum < LEAST) loss += LEAST - sum
  }
  return loss
}

const saturates = (call: Call, x: Nd, w: Nd): boolean =>
  call.saturate16 === true && x.dtype === 'uint8' && w.dtype === 'int8'

/** Adds to exact `sums` of a [.., M, K] · b [.., K, N] what saturation takes from them; a and b are raw codes. */
export function addMatMulLoss(call: Call, a: Nd, b: Nd, sums: Float64Array): void {
  if (!saturates(call, a, b)) return
  const left = a.dims.length === 1 ? [1, ...a.dims] : a.dims
  const right = b.dims.length === 1 ? [...b.dims, 1] : b.dims
  const [m, k] = left.slice(-2) as [number, number]
  const n = right.at(-1)!
  const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2))
  const starts = (dims: readonly number[]) => offsetsOf(batch, broadcastStrides(dims.slice(0, -2), batch))
  const [as, bs] = [starts(left), starts(right)]
  const [av, bv] = [numbersOf(a), numbersOf(b)]
  for (let i = 0; i < elementCount(batch); i++)
    for (let column = 0; column < n; column++) {
      const pairs = riskyPairs(k, (place) => bv[(bs[i]! * k + place) * n + column]!)
      if (pairs.length === 0) continue
      for (let row = 0; row < m; row++) {
        const from = (as[i]! * m + row) * k
        sums[(i * m + row) * n + column]! += lossOf(pairs, (place) => av[from + place]!)
      }
    }
}

/** As `addMatMulLoss`, for the sums [N, M, …] of a QLinearConv; places in the padding hold the zero point. */
export function addConvLoss(call: Call, x: Nd, zero: Nd | undefined, w: Nd, sums: Float64Array): void {
  if (!saturates(call, x, w)) return
  const groups = groupOf(call)
  if (groups === x.dims[1] && groups === w.dims[0]) return
  const perGroup = w.dims[1]!
  const at = (place: number) => [Math.floor(place / perGroup), place % perGroup] as const
  addWindowLoss(call, x, zero, w, sums, UNSIGNED, at)
}

/** As `addConvLoss`, of a ConvInteger: weights are its left side. */
export function addUnfoldedLoss(call: Call, x: Nd, zero: Nd | undefined, w: Nd, sums: Float64Array): void {
  if (!saturates(call, w, x)) return
  const taps = elementCount(w.dims.slice(2))
  addWindowLoss(call, x, zero, w, sums, SIGNED, (place) => [place % taps, Math.floor(place / taps)])
}

/** `at` says which tap and channel lie at a place of the depth; x has codes of this range. */
function addWindowLoss(
  call: Call,
  x: Nd,
  zero: Nd | undefined,
  w: Nd,
  sums: Float64Array,
  range: readonly [number, number],
  at: (place: number) => readonly [tap: number, channel: number],
): void {
  const [images, c, ...spatial] = x.dims as [number, number, ...number[]]
  const [m, perGroup, ...kernel] = w.dims as [number, number, ...number[]]
  const { offsets, taps } = windowOffsets(windowOf(call, spatial, kernel), spatial)
  const [places, size] = [offsets.length / taps, elementCount(spatial)]
  const [xv, wv] = [numbersOf(x), numbersOf(w)]
  const padding = zero ? numbersOf(zero)[0]! : 0
  const filters = m / groupOf(call)
  const weightOf = (filter: number) => (place: number) => {
    const [tap, channel] = at(place)
    return wv[(filter * perGroup + channel) * taps + tap]!
  }
  for (let filter = 0; filter < m; filter++) {
    const group = Math.floor(filter / filters)
    const pairs = riskyPairs(perGroup * taps, weightOf(filter), range)
    if (pairs.length === 0) continue
    for (let image = 0; image < images; image++)
      for (let place = 0; place < places; place++)
        sums[(image * m + filter) * places + place]! += lossOf(pairs, (depth) => {
          const [tap, channel] = at(depth)
          const offset = offsets[place * taps + tap]!
          return offset < 0 ? padding : xv[(image * c + group * perGroup + channel) * size + offset]!
        })
  }
}
