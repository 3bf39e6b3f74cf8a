import type { Shape } from '../../../../ir/index.ts'
import { affineU8, type Range } from '../../codes/affine.ts'

/** One code more or less in a picture may move the code of its mean this far; at 256 the runtime's kernel throws. */
const MOST_STEPS = 64
/** Below this the same kernel throws. */
const LEAST_STEPS = 2 ** -32

/**
 * Why the mean of a picture [n, c, …] cannot be taken in codes, or undefined. The kernel adds codes and rescales the sum by
 * input scale ÷ (output scale · places). Where the means differ that much less than what they are of, as behind an
 * InstanceNormalization, which leaves a mean of 0, all sums lie within 255 ÷ 64 codes, and none tells anything. Where the
 * places are not known they count as one.
 *
 * Source: ONNX Runtime, mlas/lib/qlgavgpool.cpp, `CheckQLinearGlobalAveragePoolScaleAndSize`.
 */
export function refuseMean(input: Range, output: Range, shape: Shape | null | undefined): string | undefined {
  const places = (shape ?? []).slice(2).reduce<number>((all, size) => all * (typeof size === 'number' ? size : 1), 1)
  const steps = affineU8(input).scale / (affineU8(output).scale * places)
  if (steps >= LEAST_STEPS && steps < MOST_STEPS) return undefined
  return steps < 1
    ? 'what it reads is so much smaller than what it gives that no code would tell of it'
    : 'its means differ so much less than what they are of that no sum of codes would tell them apart'
}
