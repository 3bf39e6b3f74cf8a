import {
  floatAttribute,
  intAttribute,
  makeNode,
  type Node,
  nodeLabel,
  type Tensor,
  tensorOf,
  tensorValues,
  transposedMatrix,
} from '../../ir/index.ts'
import type { GraphEditor } from '../../rewrite/index.ts'
import { rangeOf } from './affine.ts'

/** A product with constant weights, as y = x · W + b with W of [K, N]. */
export interface WeightedProduct {
  /** The same for products of the same constant that read it alike. */
  readonly source: string
  readonly values: Float32Array
  readonly rows: number
  readonly columns: number
  /** The bias's name where it needs no change, or its values. */
  readonly bias?: string | Float32Array
}

/** Products of fewer weights than this cost more in conversions than their multiplications save. */
export const FEWEST_WEIGHTS = 4096

/** The product behind a MatMul or Gemm, or why it is none that integers can do. */
export function weightedProduct(node: Node, editor: GraphEditor): WeightedProduct | { refused: string } {
  const weight = editor.constant(node.inputs[1]!)
  if (!weight) return { refused: whyNoWeights(node.inputs[1]!, editor) }
  if (weight.dtype !== 'float32') return { refused: `its weights are ${weight.dtype}` }
  if (weight.dims.length !== 2) return { refused: `its weights have ${weight.dims.length} dimensions, not two` }
  const values = tensorValues(weight) as Float32Array
  if (values.length < FEWEST_WEIGHTS) return { refused: `${values.length} weights are too few to gain` }
  if (!rangeOf(values)) return { refused: 'its weights are not finite' }
  const [first, second] = weight.dims as [number, number]
  const sourceOf = (transposed: boolean, alpha: number) => `${node.inputs[1]} ${transposed} ${alpha}`
  if (node.opType === 'MatMul') return { source: sourceOf(false, 1), values, rows: first, columns: second }
  if (intAttribute(node, 'transA', 0) !== 0) return { refused: 'its input is transposed' }
  const transposed = intAttribute(node, 'transB', 0) !== 0
  const alpha = floatAttribute(node, 'alpha', 1)
  const beta = floatAttribute(node, 'beta', 1)
  const [rows, columns] = transposed ? [second, first] : [first, second]
  const scaled = alpha === 1 ? values : values.map((value) => value * alpha)
  const bias = gemmBias(node, beta, editor)
  if (typeof bias === 'object' && 'refused' in bias) return bias
  const matrix = transposed ? transposedMatrix(scaled, columns, rows) : scaled
  return { source: sourceOf(transposed, alpha), values: matrix, rows, columns, ...(bias && { bias }) }
}

function whyNoWeights(name: string, editor: GraphEditor): string {
  const maker = editor.producer(name)
  const table = maker?.opType === 'Transpose' ? maker.inputs[0]! : ''
  if (!maker || !editor.constant(table)) return 'both sides are activations'
  const other = editor.consumers(table).find((user) => user !== maker)
  const reader = other ? ` and ${nodeLabel(other)}` : ''
  return `its weights "${table}" are stored once for ${nodeLabel(maker)}${reader}; in integers beside them the file would grow`
}

function gemmBias(
  node: Node,
  beta: number,
  editor: GraphEditor,
): string | Float32Array | undefined | { refused: string } {
  const name = node.inputs[2] ?? ''
  if (name === '' || beta === 0) return undefined
  if (beta === 1) return name
  const bias: Tensor | undefined = editor.constant(name)
  if (bias?.dtype !== 'float32' || bias.dims.length !== 1)
    return { refused: 'its bias is scaled and not a constant vector' }
  return (tensorValues(bias) as Float32Array).map((value) => value * beta)
}

/** Adds the bias behind `product`, or renames the product's output where there is none. */
export function withBias(
  product: Node,
  bias: string | Float32Array | undefined,
  output: string,
  editor: GraphEditor,
): readonly Node[] {
  if (bias === undefined) return [{ ...product, outputs: [output] }]
  const name =
    typeof bias === 'string' ? bias : editor.addConstant(tensorOf('float32', [bias.length], bias), `${output}_bias`)
  return [product, makeNode('Add', [product.outputs[0]!, name], [output], { name: `${output}_bias` })]
}
