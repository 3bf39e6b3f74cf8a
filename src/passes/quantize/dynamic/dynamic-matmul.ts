import { elementType, makeNode, type Node, tensorOf } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { type ChannelOptions, quantizeChannels, quantizeWhole } from '../codes/channel-weights.ts'
import { type WeightedProduct, withBias } from '../products/weighted-product.ts'

/** How dynamic integers code weights. */
export interface CodingOptions {
  readonly pairSafe: ChannelOptions['pairSafe']
  /** One scale for a whole matrix instead of one a column. */
  readonly oneScale: boolean
}

/** The codes, scale and zero point of a value that is quantized in each run. */
export type DynamicCodes = readonly [codes: string, scale: string, zeroPoint: string]

/** The constants that stand for weights: int8 codes, and scale and zero point of each channel, or of all. */
export interface CodedWeights {
  readonly codes: string
  readonly scale: string
  readonly zero: string
}

/** Codes a matrix as [K, N] under names that begin with `hint`, its channels the columns. */
export function codedMatrix(
  { values, rows, columns }: Pick<WeightedProduct, 'values' | 'rows' | 'columns'>,
  hint: string,
  { pairSafe, oneScale }: CodingOptions,
  editor: GraphEditor,
): CodedWeights {
  const { codes, scales } = (oneScale ? quantizeWhole : quantizeChannels)(values, [rows, columns], 1, { pairSafe })
  const form = oneScale ? [] : [columns]
  return {
    codes: editor.addConstant(tensorOf('int8', [rows, columns], codes), `${hint}_codes`),
    scale: editor.addConstant(tensorOf('float32', form, scales), `${hint}_scale`),
    zero: editor.addConstant(tensorOf('int8', form, new Int8Array(scales.length)), `${hint}_zero_point`),
  }
}

/**
 * x · W  ⇒  Cast(MatMulInteger(codes of x, codes of W)) · (scale of x · scales of W), the codes of x by
 * DynamicQuantizeLinear, one a value however many products read it.
 */
export function dynamicProduct(
  node: Node,
  bias: WeightedProduct['bias'],
  [read, readScale, readZero]: DynamicCodes,
  { codes, scale, zero }: CodedWeights,
  editor: GraphEditor,
): readonly Node[] {
  const output = node.outputs[0]!
  const named = (part: string) => editor.freshName(`${output}_${part}`)
  const [sum, float, factors, last] = [named('sum'), named('float'), named('scales'), named('product')]
  return [
    makeNode('MatMulInteger', [read, codes, readZero, zero], [sum], { name: node.name }),
    makeNode('Cast', [sum], [float], { name: `${sum}_cast`, attributes: { to: elementType('float32') } }),
    makeNode('Mul', [readScale, scale], [factors], { name: factors }),
    ...withBias(makeNode('Mul', [float, factors], [last], { name: last }), bias, output, editor),
  ]
}
