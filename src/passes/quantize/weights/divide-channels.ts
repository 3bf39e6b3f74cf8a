/*
 * Dividing constants by scales, one a channel:
 *   Mul(a, c) / s = Mul(a, c / s)     MatMul(h, W) / s = MatMul(h, W / s), column by column
 */
import { elementCount, type Node, type Tensor, tensorOf, tensorValues } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { productChannels } from '../units/product-channels.ts'

/** Divides channels by as many scales, all above zero. */
export type DivideChannels = (scales: Float32Array) => void

/** Along the last axis of a value, `of` long, the channels that are divided: `width` of them, beginning with `from`. */
export interface Channels {
  readonly from: number
  readonly width: number
  readonly of: number
}

/** Whether a constant of a node is one number a channel, of `length` channels. */
export function isVector(node: Node, slot: number, length: number, editor: GraphEditor): boolean {
  const tensor = editor.constant(node.inputs[slot] ?? '')
  return tensor?.dtype === 'float32' && tensor.dims.at(-1) === length && isRow(tensor)
}

/** Divides these of the constants in `slots`, one a channel. */
export function dividing(
  node: Node,
  slots: readonly number[],
  channels: Channels,
  editor: GraphEditor,
): DivideChannels {
  return (scales) => {
    const inputs = [...node.inputs]
    for (const slot of slots) inputs[slot] = divided(inputs[slot]!, (i) => i, channels, scales, editor)
    editor.replace(node, { ...node, inputs })
  }
}

/** Divides columns of the weights of a product, which nothing else may read, and what is added; null where it cannot. */
export function dividingColumns(product: Node, channels: Channels, editor: GraphEditor): DivideChannels | null {
  const [, weights = '', bias = ''] = product.inputs
  const weight = editor.constant(weights)
  const between = weight?.dtype === 'float32' ? productChannels(product, weight) : undefined
  if (between?.outputs !== channels.of || editor.consumers(weights).length > 1) return null
  if (bias !== '' && !isVector(product, 2, channels.of, editor)) return null
  return (scales) => {
    const outputs = new Int32Array(elementCount(weight!.dims))
    between.each((_, output, from, to) => outputs.fill(output, from, to))
    const inputs = [product.inputs[0]!, divided(weights, (i) => outputs[i]!, channels, scales, editor)]
    if (bias !== '') inputs.push(divided(bias, (i) => i, channels, scales, editor))
    editor.replace(product, { ...product, inputs })
  }
}

/** The name of a copy of a constant, each element divided by the scale of its channel. */
function divided(
  constant: string,
  channelOf: (i: number) => number,
  { from, width }: Channels,
  scales: Float32Array,
  editor: GraphEditor,
): string {
  const tensor = editor.constant(constant)!
  const values = (tensorValues(tensor) as Float32Array).map((number, i) => {
    const channel = channelOf(i) - from
    return channel >= 0 && channel < width ? number / scales[channel]! : number
  })
  return editor.addConstant(tensorOf('float32', tensor.dims, values), `${constant}_scaled`)
}

const isRow = (tensor: Tensor) => tensor.dims.slice(0, -1).every((dim) => dim === 1)
