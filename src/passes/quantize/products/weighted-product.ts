import {
  floatAttribute,
  intAttribute,
  makeNode,
  type Node,
  nodeLabel,
  operatorName,
  outputsAxis,
  type Tensor,
  tensorOf,
  tensorValues,
  transposedMatrix,
} from '../../../ir/index.ts'
import { grouped } from '../../../report/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { rangeOf } from '../codes/affine.ts'

/** A product with constant weights, as y = x · W + b with W of [K, N]. */
export interface WeightedProduct {
  readonly values: Float32Array
  readonly rows: number
  readonly columns: number
  /** The constant that the weights come from. */
  readonly source: string
  /** Whether that is [N, K], a row an output. */
  readonly turned: boolean
  /** 1 unless the values are the constant's times a factor. */
  readonly factor: number
  /** The bias's name where it needs no change, or its values. */
  readonly bias?: string | Float32Array
}

/** The same for products of the same constant that read it alike. */
export const weightsKey = ({ source, turned, factor }: Pick<WeightedProduct, 'source' | 'turned' | 'factor'>): string =>
  `${source} ${turned} ${factor}`

/** Products of fewer weights than this cost more in conversions than their multiplications save. */
export const FEWEST_WEIGHTS = 4096

/** Why weights gain nothing by codes, or have none; undefined where they may be coded. */
export function refuseWeights(values: Float32Array): string | undefined {
  if (values.length < FEWEST_WEIGHTS) return `${grouped(values.length)} weights are too few to gain`
  return rangeOf(values) ? undefined : 'its weights are not finite'
}

/** Whether a node multiplies matrices. */
export const isMatrixProduct = (node: Node): boolean => ['MatMul', 'Gemm'].includes(operatorName(node))

/** The product behind a MatMul or Gemm, or why it is none that integers can do. */
export function weightedProduct(node: Node, editor: GraphEditor): WeightedProduct | { refused: string } {
  if (!isMatrixProduct(node)) return { refused: `${node.opType} is no product of matrices` }
  const source = node.inputs[1]!
  const weight = editor.constant(source)
  if (!weight) return { refused: whyNoWeights(source, editor) }
  if (weight.dtype !== 'float32') return { refused: `its weights are ${weight.dtype}` }
  if (weight.dims.length !== 2) return { refused: `its weights have ${weight.dims.length} dimensions, not two` }
  const values = tensorValues(weight) as Float32Array
  const refused = refuseWeights(values)
  if (refused !== undefined) return { refused }
  const [first, second] = weight.dims as [number, number]
  if (node.opType === 'MatMul') return { values, rows: first, columns: second, source, turned: false, factor: 1 }
  if (intAttribute(node, 'transA', 0) !== 0) return { refused: 'its input is transposed' }
  const turned = outputsAxis(node, weight) === 0
  const factor = floatAttribute(node, 'alpha', 1)
  const beta = floatAttribute(node, 'beta', 1)
  const [rows, columns] = turned ? [second, first] : [first, second]
  const scaled = factor === 1 ? values : values.map((value) => value * factor)
  const bias = gemmBias(node, beta, editor)
  if (typeof bias === 'object' && 'refused' in bias) return bias
  const matrix = turned ? transposedMatrix(scaled, columns, rows) : scaled
  return { values: matrix, rows, columns, source, turned, factor, ...(bias && { bias }) }
}

/** A MatMul or Gemm with its product. */
export interface ProductNode {
  readonly node: Node
  readonly product: WeightedProduct
}

/** The products of constant weights among these nodes, without those that are kept as they are. */
export function weightedProducts(
  nodes: readonly Node[],
  kept: (node: Node) => boolean,
  editor: GraphEditor,
): readonly ProductNode[] {
  return nodes.flatMap((node) => {
    if (kept(node)) return []
    const product = weightedProduct(node, editor)
    return 'refused' in product ? [] : [{ node, product }]
  })
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
