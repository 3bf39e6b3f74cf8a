import { fromNumbers, int } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'
import { spatial, type Window } from './window.ts'

interface WeightGradient {
  /** What the windows read, [N, C, …], and a value of the same shape whose type is known. */
  readonly input: string
  readonly inputValue: string
  /** The gradient at the windows' places, [N, M, …], and a value of the same shape whose type is known. */
  readonly g: string
  readonly gValue: string
  /** The weights [M, C/group, k…]. */
  readonly weights: string
  readonly window: Window
  readonly group: number
}

/**
 * ∂w[m, c, k] = Σₙ Σₚ g[n, m, p] · x[n, c, p·stride + k·dilation − pad].
 *
 * Each tap k of the kernel sees one strided slice of the padded input; its part of the gradient is one product of
 * [M, N·P] with [N·P, C] over all images and places. Nothing larger than the input is ever made. With channels last,
 * slices are copied in long runs and the product packs them as they lie; measured against channels first (1.2 of the
 * time, 1.3 with strides), gathering all taps into one matrix (2) and a convolution with exchanged axes (slower still).
 * Grouped channels are a batch of products, so they come first.
 */
export function weightGradient(write: GradientWriter, part: WeightGradient): string {
  const { input, inputValue, g, gValue, weights, window, group } = part
  const axes = Array.from({ length: write.rank(inputValue) - 2 }, (_, i) => i + 2)
  const sizes = write.shape(weights)!
  const [m, perGroup] = [sizes[0], sizes[1]]
  if (typeof m !== 'number' || typeof perGroup !== 'number') throw new Refused('the sizes of its weights are not known')
  const whole = group === 1
  const padded = pad(write, write.transpose(input, whole ? [0, ...axes, 1] : [1, 0, ...axes]), window, whole ? 1 : 2)
  const alone = perGroup === 1 && m === group ? rowsTogether(write, part, padded) : undefined
  if (alone) return write.reshapeLike(alone, weights)
  const rows = whole ? [m, -1] : [group, m / group, -1]
  const left = write.reshape(write.transpose(g, [1, 0, ...axes]), rows)
  const slice = slicer(write, gValue, window, whole ? 1 : 2)
  const taps = tapsOf(window.kernel)
  const parts = taps.map((tap) => {
    const seen = taps.length === 1 && window.strides.every((s) => s === 1) ? padded : slice(padded, tap)
    if (whole) return write.op('Gemm', [left, write.reshape(seen, [-1, perGroup])])
    // A single channel a group is a column already.
    const right =
      perGroup === 1
        ? write.reshape(seen, [group, -1, 1])
        : write.transpose(write.reshape(seen, [group, perGroup, -1]), [0, 2, 1])
    return write.op('MatMul', [left, right])
  })
  if (parts.length === 1) return write.reshapeLike(parts[0]!, weights)
  const joined = write.op('Concat', parts, { axis: int(-1) })
  const split = write.reshape(joined, [m, taps.length, perGroup])
  return write.reshapeLike(perGroup === 1 ? split : write.transpose(split, [0, 2, 1]), weights)
}

/** Longer rows than this cost more in products that nothing asks for than single taps do. */
const LONGEST_ROW = 64

/**
 * Depthwise, with taps of the last axis found in one product: for each channel and each position of the other axes,
 *
 *     P[i, j] = Σ over rows  g[row, i] · x[row, j]        ∂w[k] = Σᵢ P[i, i·stride + k·dilation]
 *
 * A tap by itself is a product of a row with a column, which matrix products are slow at: measured over 64 images of
 * 32 channels of 16×16 places, the nine taps of a kernel took 8 ms with their slices, these three products 1.1. Of P
 * only its diagonals count; a constant of zeros and ones sums them. Undefined where the lengths of rows are unknown or
 * too long.
 */
function rowsTogether(
  write: GradientWriter,
  { g, gValue, inputValue, window }: WeightGradient,
  padded: string,
): string | undefined {
  const last = window.kernel.length - 1
  const [places, length] = [spatial(write, gValue)[last], spatial(write, inputValue)[last]]
  if (typeof places !== 'number' || typeof length !== 'number' || places > LONGEST_ROW) return undefined
  const channels = write.shape(gValue)![1]
  if (typeof channels !== 'number') return undefined
  const [stride, dilation, taps] = [window.strides[last]!, window.dilations[last]!, window.kernel[last]!]
  const reach = window.before[last]! + length + window.after[last]!
  const others = window.kernel.slice(0, last)
  const slice = slicer(
    write,
    gValue,
    { ...window, kernel: others, strides: window.strides.slice(0, last), dilations: window.dilations.slice(0, last) },
    2,
  )
  const axes = window.kernel.map((_, axis) => axis + 2)
  const left = write.reshape(write.transpose(g, [1, 0, ...axes]), [channels, -1, places])
  const turned = write.transpose(left, [0, 2, 1])
  const parts = tapsOf(others).map((tap) => {
    const seen = others.length === 0 ? padded : slice(padded, tap)
    const product = write.op('MatMul', [turned, write.reshape(seen, [channels, -1, reach])])
    return write.reshape(product, [channels, 1, places * reach])
  })
  const diagonals = new Array<number>(places * reach * taps).fill(0)
  for (let i = 0; i < places; i++)
    for (let k = 0; k < taps; k++) diagonals[(i * reach + i * stride + k * dilation) * taps + k] = 1
  const all = parts.length === 1 ? parts[0]! : write.op('Concat', parts, { axis: int(1) })
  const which = write.tensor(fromNumbers(write.dtype(gValue), [places * reach, taps], diagonals))
  return write.op('MatMul', [all, which])
}

/** `x` with its spatial axes, which begin at `first`, padded. */
function pad(write: GradientWriter, x: string, { before, after }: Window, first: number): string {
  if ([...before, ...after].every((size) => size === 0)) return x
  const around = (sizes: readonly number[]) => [...(first === 1 ? [0] : [0, 0]), ...sizes, ...(first === 1 ? [0] : [])]
  return write.op('Pad', [x, write.ints([...around(before), ...around(after)])])
}

/** Positions inside the kernel, the last axis fastest. */
function tapsOf(kernel: readonly number[]): readonly (readonly number[])[] {
  return kernel.reduce<number[][]>(
    (list, size) => list.flatMap((tap) => Array.from({ length: size }, (_, i) => [...tap, i])),
    [[]],
  )
}

/** What one tap of the window sees at every place. */
function slicer(write: GradientWriter, gValue: string, { strides, dilations }: Window, first: number) {
  const places = spatial(write, gValue).slice(0, strides.length)
  const axes = write.ints(places.map((_, i) => i + first))
  const fixed = places.every((dim) => typeof dim === 'number')
  const length = () => {
    const last = write.sub(
      write.op('Shape', [gValue], { start: int(2), end: int(2 + strides.length) }),
      write.ints([1]),
    )
    return write.add(write.mul(last, write.ints(strides)), write.ints([1]))
  }
  return (x: string, tap: readonly number[]): string => {
    const starts = tap.map((at, axis) => at * dilations[axis]!)
    const ends = fixed
      ? write.ints(starts.map((start, axis) => start + ((places[axis] as number) - 1) * strides[axis]! + 1))
      : write.add(length(), write.ints(starts))
    return write.op('Slice', [x, write.ints(starts), ends, axes, write.ints(strides)])
  }
}
