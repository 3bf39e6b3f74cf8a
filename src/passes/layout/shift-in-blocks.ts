/*
 * y = Add(x, c)   ⇒   y = Conv<group = C>(x, 1, c)          with c one number, or one a channel; Mul(x, c) in the same way
 * Between convolutions values lie in blocks of channels. The runtime has no blocked sum with a constant, so it puts the
 * value into plain order, adds, and makes blocks again: 0.25 ms where a convolution of one tap takes 0.05.
 * Illegal: x is not made by a convolution in float, with at most an activation behind it; anything but convolutions and
 * pools reads y; channels that are not whole blocks of 16.
 * Source: x·1 + c, exact. Which operators have blocked kernels: `nchwc_transformer.cc` of ONNX Runtime.
 */
import { int, makeNode, type Node, type Tensor, tensorOf, tensorValues } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { CONV_ACTIVATIONS, type RuleContext, type RuleOutcome } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { feedsBlocks, isBlockedConv } from './blocks.ts'
import { channelAxis } from './kept-channels.ts'

export const shiftInBlocks = blockPass(
  'shiftInBlocks',
  'A constant added between convolutions becomes a convolution of one tap, which works on blocks of channels.',
  { roots: ['Add', 'Mul'], apply },
)

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, constant } = context
  const slot = node.inputs.findIndex((name) => constant(name) !== undefined)
  const values = slot < 0 ? undefined : constant(node.inputs[slot]!)
  const input = node.inputs[1 - slot]
  if (values?.dtype !== 'float32' || input === undefined || constant(input)) return false
  const channels = blockedChannels(input, context)
  if (channels === undefined || channels % block !== 0) return false
  const numbers = perChannel(values, channels)
  if (!numbers || !feedsBlocks(node.outputs[0]!, channels, context, block)) return false
  const sum = node.opType === 'Add'
  const weight = sum ? new Float32Array(channels).fill(1) : numbers
  const inputs = [
    input,
    editor.addConstant(tensorOf('float32', [channels, 1, 1, 1], weight), `${node.outputs[0]}_taps`),
  ]
  if (sum) inputs.push(editor.addConstant(tensorOf('float32', [channels], numbers), `${node.outputs[0]}_shift`))
  editor.replace(
    node,
    makeNode('Conv', inputs, node.outputs, { name: node.name, attributes: { group: int(channels) } }),
  )
  return true
}

/** The channels of what a convolution in float makes, with an activation behind it or none; undefined for the rest. */
function blockedChannels(value: string, { editor, constant }: RuleContext): number | undefined {
  const activation = editor.soleConsumer(value) && editor.producer(value, ...CONV_ACTIVATIONS)
  const maker = editor.producer(activation ? activation.inputs[0]! : value)
  if (!maker || !isBlockedConv(maker, constant) || editor.consumers(maker.outputs[0]!).length !== 1) return undefined
  return constant(maker.inputs[1]!)!.dims[0]
}

function perChannel(tensor: Tensor, channels: number): Float32Array | undefined {
  const values = tensorValues(tensor) as Float32Array
  if (values.length === 1 && tensor.dims.length <= 4) return new Float32Array(channels).fill(values[0]!)
  const axis = channelAxis(tensor)
  return axis !== undefined && tensor.dims[axis] === channels ? Float32Array.from(values) : undefined
}
