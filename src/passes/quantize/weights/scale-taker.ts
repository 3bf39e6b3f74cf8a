/*
 * What is in front of a product and can divide what the product reads by scales, one a channel, without a node more:
 *   LayerNorm(h, g, b) / s = LayerNorm(h, g / s, b / s)     MatMul(h, W) / s = MatMul(h, W / s), column by column
 *   (a · b) / s = a · (b / s)     (a + bias) / s = a / s + bias / s     Relu(a) / s = Relu(a / s), s > 0
 * Some channels of a value alone can be divided, too: where a joint projection is split, those of one of its parts.
 */
import { type Node, nodeLabel, operatorName } from '../../../ir/index.ts'
import { type Around, channelsInWhole, takesOthers } from './channels-of-parts.ts'
import { type Channels, type DivideChannels, dividing, dividingColumns, isVector } from './divide-channels.ts'

/** Where normalizations take what multiplies their channels, and what is added to these. */
const NORMALIZATIONS: Readonly<Record<string, readonly number[]>> = {
  LayerNormalization: [1, 2],
  RMSNormalization: [1],
  SimplifiedLayerNormalization: [1],
  'com.microsoft.SkipLayerNormalization': [2, 3],
  'com.microsoft.SkipSimplifiedLayerNormalization': [2],
}

/** Whether a node normalizes, and multiplies its channels by factors afterwards. */
export const isNormalization = (node: Node): boolean => Object.hasOwn(NORMALIZATIONS, operatorName(node))

/**
 * Something that divides the `width` channels of a value, along its last axis, by scales, or why nothing in front of it
 * can. Whatever reads the value reads it divided.
 */
export function scaleTaker(value: string, width: number, around: Around): DivideChannels | string {
  return takerOf(value, { from: 0, width, of: width }, around)
}

function takerOf(name: string, channels: Channels, around: Around): DivideChannels | string {
  const { editor } = around
  const maker = editor.producer(name)
  if (!maker) return 'its input is an input of the graph'
  // Its other outputs, the sum of the residual among them, do not depend on the factors.
  const factors = maker.outputs[0] === name ? NORMALIZATIONS[operatorName(maker)] : undefined
  if (factors) {
    const slots = factors.filter((slot) => (maker.inputs[slot] ?? '') !== '')
    if (slots.every((slot) => isVector(maker, slot, channels.of, editor)))
      return dividing(maker, slots, channels, editor)
    return `the factors of ${nodeLabel(maker)} are not one a channel`
  }
  const vector = [1, 0].find((side) => isVector(maker, side, channels.of, editor))
  switch (operatorName(maker)) {
    case 'Mul': {
      if (vector !== undefined) return dividing(maker, [vector], channels, editor)
      // A gate: whichever side can takes the scales.
      const sides = [0, 1].map((side) => behind(maker, side, channels, around))
      return (
        sides.find((side) => typeof side !== 'string') ?? `nothing in front of ${nodeLabel(maker)} can take the scales`
      )
    }
    case 'Add': {
      if (vector === undefined) break
      const product = behind(maker, 1 - vector, channels, around)
      if (typeof product === 'string') return product
      return (scales) => {
        dividing(maker, [vector], channels, editor)(scales)
        product(scales)
      }
    }
    case 'MatMul':
    case 'Gemm':
      return dividingColumns(maker, channels, editor) ?? `the weights of ${nodeLabel(maker)} cannot take the scales`
    case 'Relu':
    case 'LeakyRelu':
      return behind(maker, 0, channels, around)
    case 'Split':
    case 'Slice': {
      const whole = channelsInWhole(maker, name, channels, around)
      if (whole) return behind(maker, 0, whole, around)
    }
  }
  return `${maker.opType} in front of it cannot take the scales`
}

/** What divides channels of an input, where nothing but `reader` reads these. */
function behind(reader: Node, slot: number, channels: Channels, around: Around): DivideChannels | string {
  const { editor } = around
  const name = reader.inputs[slot]!
  const alone = editor.consumers(name).every((node) => node === reader || takesOthers(node, name, channels, around))
  if (!alone || editor.isOutput(name) || reader.inputs.indexOf(name) !== reader.inputs.lastIndexOf(name))
    return `what ${nodeLabel(reader)} reads is read elsewhere as well`
  return takerOf(name, channels, around)
}
