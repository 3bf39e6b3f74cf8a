import { int, ints, makeNode, tensorOf } from '../../../../ir/index.ts'
import { type Affine, biasScale, quantizeBias, rangeOfU8 } from '../../codes/affine.ts'
import { type ChannelSlopes, slopePieces } from '../../units/slopes.ts'
import { plain } from '../ranges/sloped-codes.ts'
import type { QdqWriter } from './qdq-writer.ts'

/** A slope below this is 0 for whoever has 255 codes; scales must be positive. */
const NOTHING = 2 ** -40

/** A value as codes: their name, and what they stand for. */
interface Coded {
  readonly name: string
  readonly codes: Affine
}

/**
 * The codes of PRelu(x, s) from those of x:
 *
 *     y = Max(x, x·s) where s ≤ 1          y = Min(x, x·s) where s ≥ 1
 *
 * x·s is a convolution of one channel a group and one tap, which gives codes under the scale of y; the greater of two
 * codes of one scale is the code of the greater number, whatever kernel compares them (128 channels of 28×28: 0.023 ms;
 * 0.081 with Mul and Max in float between conversions). Where a layer has slopes of both kinds, each side leaves the
 * other's channels alone: there its convolution gives the end of all codes. Codes of x under another scale than those of y
 * are brought to it by one more such convolution, whose saturation takes away nothing that is looked at: what lies below
 * all of y is less than x·s.
 *
 * @returns The codes of y, and how many convolutions give them.
 */
export function slopesInCodes(
  writer: QdqWriter,
  label: string,
  x: Coded,
  y: Affine,
  { values, behind }: ChannelSlopes,
): { readonly codes: string; readonly convolutions: number } {
  const ones = new Array<number>(behind).fill(1)
  const [rescaled, raised, lowered] = slopePieces(label) as [string, string, string]
  const ends = rangeOfU8(y)
  let convolutions = 0
  /** x times a number a channel; where that is null, a constant. */
  const times = (factors: readonly (number | null)[], otherwise: number, name: string): string => {
    convolutions += 1
    const scales = Float32Array.from(factors, (factor) => Math.max(Math.abs(factor ?? 1), NOTHING) / 127)
    const codes = Int8Array.from(factors, (factor, c) => Math.round((factor ?? 0) / scales[c]!))
    const inputs = [
      writer.dequantize(x.name, plain(x.codes), writer.freshName(`${name}_read`), name),
      writer.dequantizeConstant(tensorOf('int8', [codes.length, 1, ...ones], codes), scales, 0, `${name}_slopes`),
    ]
    if (factors.includes(null)) {
      const bias = Float32Array.from(factors, (factor) => (factor === null ? otherwise : 0))
      const coded = tensorOf('int32', [bias.length], quantizeBias(bias, x.codes.scale, scales))
      const steps = scales.map((scale) => biasScale(x.codes.scale, scale))
      inputs.push(writer.dequantizeConstant(coded, steps, 0, `${name}_bias`))
    }
    const raw = writer.freshName(`${name}_float`)
    const attributes = { group: int(values.length), kernel_shape: ints(ones) }
    writer.nodes.push(makeNode('Conv', inputs, [raw], { name, attributes }))
    return writer.quantize(raw, plain(y), name)
  }
  /** The greater or the lesser of two, under the node's own name where it is the last. */
  const choose = (operator: 'Max' | 'Min', other: string, isLast: boolean): void => {
    const output = writer.freshName(`${label}_codes`)
    writer.nodes.push(makeNode(operator, [chosen, other], [output], { name: isLast ? label : `${other}_${operator}` }))
    chosen = output
  }
  const [gentle, steep] = [values.some((slope) => slope < 1), values.some((slope) => slope > 1)]
  const same = x.codes.scale === y.scale && x.codes.zeroPoint === y.zeroPoint
  let chosen = same ? x.name : times(new Array<number>(values.length).fill(1), 0, rescaled)
  const side = (isHere: (slope: number) => boolean) => Array.from(values, (slope) => (isHere(slope) ? slope : null))
  if (gentle || !steep)
    choose('Max', times(steep ? side((slope) => slope <= 1) : [...values], ends.min, raised), !steep)
  if (steep) choose('Min', times(gentle ? side((slope) => slope > 1) : [...values], ends.max, lowered), true)
  return { codes: chosen, convolutions }
}
