import { elementType, makeNode, type Node, tensorOf } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { type ChannelOptions, quantizeChannels, quantizeWhole } from '../channel-weights.ts'
import { type WeightedProduct, withBias } from '../weighted-product.ts'

/** How dynamic integers code weights. */
export interface CodingOptions {
  readonly pairSafe: ChannelOptions['pairSafe']
  /** One scale for a whole matrix instead of one a column. */
  readonly oneScale: boolean
}

/** The constants that stand for W: int8 codes [K, N], and scale and zero point of each column, or of all. */
export interface CodedMatrix {
  readonly weight: string
  readonly scale: string
  readonly zero: string
}

/** Codes a matrix under names that begin with `hint`. */
export function codedMatrix(
  { values, rows, columns }: Pick<WeightedProduct, 'values' | 'rows' | 'columns'>,
  hint: string,
  { pairSafe, oneScale }: CodingOptions,
  editor: GraphEditor,
): CodedMatrix {
  const { codes, scales } = (oneScale ? quantizeWhole : quantizeChannels)(values, [rows, columns], 1, { pairSafe })
  const form = oneScale ? [] : [columns]
  return {
    weight: editor.addConstant(tensorOf('int8', [rows, columns], codes), `${hint}_codes`),
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
  dynamicCodes: readonly [codes: string, scale: string, zeroPoint: string],
  { weight, scale, zero }: CodedMatrix,
  editor: GraphEditor,
): readonly Node[] {
  const output = node.outputs[0]!
  const names = ['sum', 'float', 'scales', 'product'].map((part) => editor.freshName(`${output}_${part}`)) as [
    string,
    string,
    string,
    string,
  ]
  const [sum, float, factors, last] = names
  return [
    makeNode('MatMulInteger', [dynamicCodes[0], weight, dynamicCodes[2], zero], [sum], { name: node.name }),
    makeNode('Cast', [sum], [float], { name: `${sum}_cast`, attributes: { to: elementType('float32') } }),
    makeNode('Mul', [dynamicCodes[1], scale], [factors], { name: factors }),
    ...withBias(makeNode('Mul', [float, factors], [last], { name: last }), bias, output, editor),
  ]
}
