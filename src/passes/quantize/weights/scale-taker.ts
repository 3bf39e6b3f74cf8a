/*
 * What is in front of a product and can divide what the product reads by scales, one a channel, without a node more:
 *   LayerNorm(h, g, b) / s = LayerNorm(h, g / s, b / s)     MatMul(h, W) / s = MatMul(h, W / s), column by column
 *   (a · b) / s = a · (b / s)     (a + bias) / s = a / s + bias / s     Relu(a) / s = Relu(a / s), s > 0
 * Some channels of a value alone can be divided, too: where a joint projection is split, those of one of its parts.
 */
import {
  intAttribute,
  type Node,
  nodeLabel,
  operatorName,
  type Tensor,
  tensorOf,
  tensorShape,
  tensorValues,
  toNumbers,
  type ValueType,
} from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'

/** Divides channels by as many scales, all above zero. */
export type DivideChannels = (scales: Float32Array) => void

/** Where normalizations take what multiplies their channels, and what is added to these. */
const NORMALIZATIONS: Readonly<Record<string, readonly number[]>> = {
  LayerNormalization: [1, 2],
  RMSNormalization: [1],
  SimplifiedLayerNormalization: [1],
  'com.microsoft.SkipLayerNormalization': [2, 3],
  'com.microsoft.SkipSimplifiedLayerNormalization': [2],
}

/** Along the last axis of a value, `of` long, the channels that are divided: `width` of them, beginning with `from`. */
interface Channels {
  readonly from: number
  readonly width: number
  readonly of: number
}

/**
 * Something that divides the `width` channels of a value, along its last axis, by scales, or why nothing in front of it
 * can. Whoever reads the value reads it divided.
 */
export function scaleTaker(
  value: string,
  width: number,
  editor: GraphEditor,
  types: ReadonlyMap<string, ValueType>,
): DivideChannels | string {
  return takerOf(value, { from: 0, width, of: width })

  function takerOf(name: string, channels: Channels): DivideChannels | string {
    const maker = editor.producer(name)
    if (!maker) return 'its input is an input of the graph'
    const operator = operatorName(maker)
    // Its other outputs, the sum of the residual among them, do not depend on the factors.
    const factors = maker.outputs[0] === name ? NORMALIZATIONS[operator] : undefined
    if (factors) {
      const slots = factors.filter((slot) => (maker.inputs[slot] ?? '') !== '')
      if (slots.every((slot) => isVector(maker, slot, channels.of))) return dividing(maker, slots, channels)
      return `the factors of ${nodeLabel(maker)} are not one a channel`
    }
    switch (operator) {
      case 'Mul': {
        const slot = [1, 0].find((side) => isVector(maker, side, channels.of))
        if (slot !== undefined) return dividing(maker, [slot], channels)
        // A gate: whichever side can takes the scales.
        const sides = [0, 1].map((side) => behind(maker, side, channels))
        return (
          sides.find((side) => typeof side !== 'string') ??
          `nothing in front of ${nodeLabel(maker)} can take the scales`
        )
      }
      case 'Add': {
        const slot = [1, 0].find((side) => isVector(maker, side, channels.of))
        if (slot === undefined) break
        const product = behind(maker, 1 - slot, channels)
        if (typeof product === 'string') return product
        return (scales) => {
          dividing(maker, [slot], channels)(scales)
          product(scales)
        }
      }
      case 'MatMul':
      case 'Gemm':
        return columnsOf(maker, channels) ?? `the weights of ${nodeLabel(maker)} cannot take the scales`
      case 'Relu':
      case 'LeakyRelu':
        return behind(maker, 0, channels)
      case 'Split':
      case 'Slice': {
        const whole = partOf(maker, name, channels)
        if (whole) return behind(maker, 0, whole)
      }
    }
    return `${maker.opType} in front of it cannot take the scales`
  }

  /** What divides channels of an input, where nobody but `reader` reads these. */
  function behind(reader: Node, slot: number, channels: Channels): DivideChannels | string {
    const name = reader.inputs[slot]!
    const alone = editor
      .consumers(name)
      .every((node) => node === reader || (reader.opType === 'Slice' && takesOthers(node, name, channels)))
    if (!alone || editor.isOutput(name) || reader.inputs.indexOf(name) !== reader.inputs.lastIndexOf(name))
      return `what ${nodeLabel(reader)} reads is read elsewhere as well`
    return takerOf(name, channels)
  }

  /** Whether a node takes channels of `name`, and none of these. */
  function takesOthers(node: Node, name: string, { from, width, of }: Channels): boolean {
    if (node.opType !== 'Slice' || node.inputs.lastIndexOf(name) !== 0) return false
    const span = slicedChannels(node)
    return span?.of === of && (span.from + span.width <= from || from + width <= span.from)
  }

  function isVector(node: Node, slot: number, length: number): boolean {
    const tensor = editor.constant(node.inputs[slot] ?? '')
    return tensor?.dtype === 'float32' && tensor.dims.at(-1) === length && isRow(tensor)
  }

  /** Divides these of the constants in `slots`, one a channel. */
  function dividing(node: Node, slots: readonly number[], channels: Channels): DivideChannels {
    return (scales) => {
      const inputs = [...node.inputs]
      for (const slot of slots) inputs[slot] = divided(inputs[slot]!, (i) => i, channels, scales)
      editor.replace(node, { ...node, inputs })
    }
  }

  /** Divides columns of the weights of a product that nothing else reads, and what is added to them. */
  function columnsOf(product: Node, channels: Channels): DivideChannels | null {
    const [, weights = '', bias = ''] = product.inputs
    const weight = editor.constant(weights)
    const turned = product.opType === 'Gemm' && intAttribute(product, 'transB', 0) !== 0
    const depth = weight?.dims[turned ? 1 : 0]
    if (weight?.dtype !== 'float32' || weight.dims.length !== 2 || !depth) return null
    if (weight.dims[turned ? 0 : 1] !== channels.of || editor.consumers(weights).length > 1) return null
    if (bias !== '' && !isVector(product, 2, channels.of)) return null
    return (scales) => {
      const column = turned ? (i: number) => Math.floor(i / depth) : (i: number) => i % channels.of
      const inputs = [product.inputs[0]!, divided(weights, column, channels, scales)]
      if (bias !== '') inputs.push(divided(bias, (i) => i, channels, scales))
      editor.replace(product, { ...product, inputs })
    }
  }

  function divided(
    constant: string,
    channelOf: (i: number) => number,
    channels: Channels,
    scales: Float32Array,
  ): string {
    const { from, width } = channels
    const tensor = editor.constant(constant)!
    const values = (tensorValues(tensor) as Float32Array).map((number, i) => {
      const channel = channelOf(i) - from
      return channel >= 0 && channel < width ? number / scales[channel]! : number
    })
    return editor.addConstant(tensorOf('float32', tensor.dims, values), `${constant}_scaled`)
  }

  /** Where channels of a part lie in what is split; null where that is not known, or another axis is. */
  function partOf(node: Node, part: string, { from, width, of }: Channels): Channels | null {
    if (node.opType === 'Slice') {
      const span = slicedChannels(node)
      return span?.width === of ? { from: span.from + from, width, of: span.of } : null
    }
    const rank = tensorShape(types.get(part))?.length
    const axis = intAttribute(node, 'axis', 0)
    if (!rank || (axis !== -1 && axis !== rank - 1)) return null
    const lengths = node.outputs.map((output) => lengthOf(output))
    if (!lengths.every((length) => length !== undefined)) return null
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
    return { from: sum(lengths.slice(0, node.outputs.indexOf(part))) + from, width, of: sum(lengths) }
  }

  /** The channels that a Slice takes, one after the other. */
  function slicedChannels(node: Node): Channels | null {
    const rank = tensorShape(types.get(node.outputs[0]!))?.length
    const [whole, width] = [lengthOf(node.inputs[0]!), lengthOf(node.outputs[0]!)]
    const [start, axis, step] = [1, 3, 4].map((slot) => {
      const tensor = editor.constant(node.inputs[slot] ?? '')
      return tensor && toNumbers(tensor).length === 1 ? toNumbers(tensor)[0]! : undefined
    })
    if (!rank || !whole || !width || start === undefined || (axis !== -1 && axis !== rank - 1)) return null
    if (step !== undefined ? step !== 1 : (node.inputs[4] ?? '') !== '') return null
    return { from: Math.max(start < 0 ? start + whole : start, 0), width, of: whole }
  }

  function lengthOf(name: string): number | undefined {
    const last = tensorShape(types.get(name))?.at(-1)
    return typeof last === 'number' ? last : undefined
  }
}

const isRow = (tensor: Tensor) => tensor.dims.slice(0, -1).every((dim) => dim === 1)
