import { makeNode, type Node, nodeLabel, operatorName, type Tensor, tensorOf, tensorValues } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { rangeOf } from '../affine.ts'
import { FEWEST_WEIGHTS } from '../dynamic/dynamic-matmul.ts'
import { type SourcedProduct, sourcedProduct } from './tied-table.ts'

/** A product that can take scales; one of too few weights to be coded does so in float. */
export interface ScaledReader extends SourcedProduct {
  readonly coded: boolean
}

/** A reader of `input` whose weights can take scales a row, or why it cannot. */
export function scalable(node: Node, input: string, editor: GraphEditor): ScaledReader | { refused: string } {
  if (!['MatMul', 'Gemm'].includes(operatorName(node)) || node.inputs.indexOf(input) !== 0 || node.inputs[1] === input)
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

/** Where normalizations take what multiplies their channels, and what is added to these. */
const NORMALIZATIONS: Readonly<Record<string, readonly number[]>> = {
  LayerNormalization: [1, 2],
  RMSNormalization: [1],
  SimplifiedLayerNormalization: [1],
  'com.microsoft.SkipLayerNormalization': [2, 3],
  'com.microsoft.SkipSimplifiedLayerNormalization': [2],
}

/** Something that divides the channels of a value by scales, or why nothing in front of it can. */
export function scaleTaker(
  name: string,
  width: number,
  editor: GraphEditor,
): string | ((scales: Float32Array) => void) {
  const maker = editor.producer(name)
  if (!maker) return 'its input is an input of the graph'
  const vector = (slot: number) => {
    const tensor = editor.constant(maker.inputs[slot] ?? '')
    return tensor?.dtype === 'float32' && tensor.dims.at(-1) === width && isVector(tensor) ? slot : undefined
  }
  const divide = (...slots: readonly number[]) => {
    return (scales: Float32Array) => {
      const inputs = [...maker.inputs]
      for (const slot of slots) {
        const tensor = editor.constant(inputs[slot]!)!
        const values = (tensorValues(tensor) as Float32Array).map((value, i) => value / scales[i]!)
        inputs[slot] = editor.addConstant(tensorOf('float32', tensor.dims, values), `${inputs[slot]}_scaled`)
      }
      editor.replace(maker, { ...maker, inputs })
    }
  }
  // Its other outputs, the sum of the residual among them, do not depend on the factors.
  const factors = maker.outputs[0] === name ? NORMALIZATIONS[operatorName(maker)] : undefined
  if (factors) {
    const slots = factors.filter((slot) => (maker.inputs[slot] ?? '') !== '')
    if (slots.every((slot) => vector(slot) !== undefined)) return divide(...slots)
    return `the factors of ${nodeLabel(maker)} are not one a channel`
  }
  switch (operatorName(maker)) {
    case 'Mul': {
      const slot = vector(1) ?? vector(0)
      if (slot !== undefined) return divide(slot)
      // A gate: whichever side is a product's output alone takes the scales into its weights.
      for (const side of [0, 1]) {
        const taken = columnsTaker(maker.inputs[side]!, maker, width, editor)
        if (taken) return taken
      }
      return `nothing in front of ${nodeLabel(maker)} can take the scales`
    }
    case 'MatMul': {
      const taken = columnsTaker(name, null, width, editor)
      return taken ?? `the weights of ${nodeLabel(maker)} cannot take the scales`
    }
    default:
      return `${maker.opType} in front of it cannot take the scales`
  }
}

const isVector = (tensor: Tensor) => tensor.dims.slice(0, -1).every((dim) => dim === 1)

/** Divides the columns of the weights of the MatMul that makes `value`, where only `reader` (or nobody new) reads it. */
function columnsTaker(
  value: string,
  reader: Node | null,
  width: number,
  editor: GraphEditor,
): ((scales: Float32Array) => void) | null {
  const maker = editor.producer(value, 'MatMul')
  if (!maker || (reader && editor.soleConsumer(value) !== reader)) return null
  const weight = editor.constant(maker.inputs[1]!)
  if (weight?.dtype !== 'float32' || weight.dims.length !== 2 || weight.dims[1] !== width) return null
  if (editor.consumers(maker.inputs[1]!).length > 1) return null
  return (scales) => {
    const values = (tensorValues(weight) as Float32Array).map((number, i) => number / scales[i % width]!)
    const name = editor.addConstant(tensorOf('float32', weight.dims, values), `${maker.inputs[1]}_scaled`)
    // The maker may have been replaced since (its own input was scaled): ask for it as it stands.
    const now = editor.producer(value)!
    editor.replace(now, { ...now, inputs: [now.inputs[0]!, name] })
  }
}

/** Multiplies row k of the weights of a product by the scale of input k. */
export function scaleWeights(node: Node, input: string, scales: Float32Array, editor: GraphEditor): void {
  const product = scalable(node, input, editor) as ScaledReader
  const { columns } = product
  const values = product.values.map((value, i) => value * scales[Math.floor(i / columns)]!)
  const weight = editor.addConstant(tensorOf('float32', [product.rows, columns], values), `${node.inputs[1]}_scaled`)
  const unturned = node.opType === 'Gemm' ? without(node, 'transB', 'alpha') : node
  const before = editor.producer(node.inputs[1]!)
  editor.replace(node, { ...unturned, inputs: [node.inputs[0]!, weight, ...node.inputs.slice(2)] })
  if (before) editor.removeUnused(before)
}

const without = (node: Node, ...names: readonly string[]): Node =>
  makeNode(node.opType, node.inputs, node.outputs, {
    name: node.name,
    attributes: Object.fromEntries([...node.attributes].filter(([name]) => !names.includes(name))),
  })
