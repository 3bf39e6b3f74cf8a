import { type Node, nodeLabel, tensorOf, tensorValues } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { rangeOf } from '../codes/affine.ts'
import {
  FEWEST_WEIGHTS,
  isMatrixProduct,
  type ProductNode,
  type WeightedProduct,
} from '../products/weighted-product.ts'
import { without } from '../units/quantize-rules.ts'
import { sourcedProduct } from './tied-table.ts'

/** A product that can take scales; one of too few weights to be coded does so in float. */
export interface ScaledReader extends WeightedProduct {
  readonly coded: boolean
}

/** A reader of `input` whose weights can take scales a row, or why it cannot. */
export function scalable(node: Node, input: string, editor: GraphEditor): ScaledReader | { refused: string } {
  if (!isMatrixProduct(node) || node.inputs.indexOf(input) !== 0 || node.inputs[1] === input)
    return { refused: `its input is also read by ${nodeLabel(node)}` }
  const product = sourcedProduct(node, editor)
  const source = 'refused' in product ? node.inputs[1]! : product.source
  if (editor.consumers(source).length > 1) return { refused: 'its weights are shared with another node' }
  if (!('refused' in product)) return { ...product, coded: true }
  const weight = node.opType === 'MatMul' ? editor.constant(source) : undefined
  if (weight?.dtype !== 'float32' || weight.dims.length !== 2) return product
  const values = tensorValues(weight) as Float32Array
  if (values.length >= FEWEST_WEIGHTS || !rangeOf(values)) return product
  const [rows, columns] = weight.dims as [number, number]
  return { values, rows, columns, source, turned: false, factor: 1, coded: false }
}

/** Multiplies row k of the weights of a product by the scale of input k. */
export function scaleWeights(node: Node, input: string, scales: Float32Array, editor: GraphEditor): void {
  const product = scalable(node, input, editor) as ScaledReader
  const before = editor.producer(node.inputs[1]!)
  editor.replace(node, readingWeights(node, input, scaledWeights({ node, product }, scales, editor)))
  if (before) editor.removeUnused(before)
}

/** What the weights of an input are multiplied by; those of one that is not coded, whose scale is infinite, by 0. */
export const weightScale = (scale: number): number => (Number.isFinite(scale) ? scale : 0)

/** The name of a constant [K, N]: the weights of a product, row k multiplied by the scale of input k. */
export function scaledWeights({ node, product }: ProductNode, scales: Float32Array, editor: GraphEditor): string {
  const { values, rows, columns } = product
  const scaled = values.map((value, i) => value * weightScale(scales[Math.floor(i / columns)]!))
  return editor.addConstant(tensorOf('float32', [rows, columns], scaled), `${node.inputs[1]}_scaled`)
}

/** A product of `input` by weights [K, N] that hold its factor already. */
export const readingWeights = (node: Node, input: string, weights: string): Node => ({
  ...node,
  inputs: [input, weights, ...node.inputs.slice(2)],
  attributes: without(node, 'transB', 'alpha'),
})
