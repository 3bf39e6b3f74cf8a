import { elementCount } from '../tensor.ts'
import type { Call } from './call.ts'
import { broadcastDims, broadcastStrides, offsetsOf } from './layout.ts'
import { type Nd, numbersOf } from './value.ts'
import { groupOf, windowOf, windowOffsets } from './window.ts'

/**
 * What x86 processors without VNNI make of unsigned × signed 8-bit products. VPMADDUBSW adds the products of two
 * neighbours in signed 16 bits and saturates; VPMADDWD and VPADDD then add exactly. Neighbours are 2i and 2i + 1 along
 * the depth of the product, which in a convolution runs over channels first and kernel places second (NHWC). Depthwise
 * kernels widen before they multiply and are exact. Source: MLAS, `QgemmU8S8KernelAvx2`, `QgemvU8S8KernelAvx2`,
 * `ConvSymKernelAvx2` (the SSE4.1 and AVX-512 kernels pair alike).
 *
 * Zero points stay out of it: kernels multiply raw codes and correct afterwards, exactly. So the loss is a sum of its
 * own that is added to the exact result.
 */
const [LEAST, MOST] = [-32768, 32767]

interface Pair {
  readonly first: number
  readonly second: number
  readonly weights: readonly [number, number]
}

/** The pairs of one channel whose sum can leave 16 bits at all; `weightAt(i)` is its weight at depth i. */
function riskyPairs(depth: number, weightAt: (place: number) => number): Pair[] {
  const pairs: Pair[] = []
  for (let first = 0; first + 1 < depth; first += 2) {
    const weights = [weightAt(first), weightAt(first + 1)] as const
    const high = 255 * (Math.max(0, weights[0]) + Math.max(0, weights[1]))
    const low = 255 * (Math.min(0, weights[0]) + Math.min(0, weights[1]))
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

/** As `addMatMulLoss`, for the sums [N, M, …] of a convolution; places in the padding hold the zero point. */
export function addConvLoss(call: Call, x: Nd, zero: Nd | undefined, w: Nd, sums: Float64Array): void {
  if (!saturates(call, x, w)) return
  const [images, c, ...spatial] = x.dims as [number, number, ...number[]]
  const [m, perGroup, ...kernel] = w.dims as [number, number, ...number[]]
  const groups = groupOf(call)
  if (groups === c && groups === m) return
  const { offsets, taps } = windowOffsets(windowOf(call, spatial, kernel), spatial)
  const [places, size] = [offsets.length / taps, elementCount(spatial)]
  const [xv, wv] = [numbersOf(x), numbersOf(w)]
  const padding = zero ? numbersOf(zero)[0]! : 0
  for (let filter = 0; filter < m; filter++) {
    const group = Math.floor(filter / (m / groups))
    const pairs = riskyPairs(perGroup * taps, (place) => {
      const [tap, channel] = [Math.floor(place / perGroup), place % perGroup]
      return wv[(filter * perGroup + channel) * taps + tap]!
    })
    if (pairs.length === 0) continue
    for (let image = 0; image < images; image++)
      for (let place = 0; place < places; place++)
        sums[(image * m + filter) * places + place]! += lossOf(pairs, (at) => {
          const [tap, channel] = [Math.floor(at / perGroup), at % perGroup]
          const offset = offsets[place * taps + tap]!
          return offset < 0 ? padding : xv[(image * c + group * perGroup + channel) * size + offset]!
        })
  }
}
