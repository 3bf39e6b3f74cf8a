/*
 * y = Pad(x, zeros behind the channels)   ⇒   y = Conv<1×1>(x, [I; 0])      where y is added to values in blocks
 * Residual networks whose stages get wider without a convolution on the shortcut pad its channels (BlazeFace and its
 * kin, ResNets for small pictures). The runtime has no blocked Pad, and a sum of a value in blocks with one in plain
 * order is in plain order, and so is every sum after it in that stage: a BlazeFace of 256×256 pixels has sixteen of
 * them, with a change of layout before and behind each (6.7 ms, then 6.1).
 * Illegal: x is not made in float32. Left alone: x or y are no whole blocks of channels, nothing in blocks is added to
 * y, or the products take longer than the changes of layout.
 * Source: x·1 + 0, exact for finite numbers. Which operators have blocked kernels: `nchwc_transformer.cc` of ONNX Runtime.
 */
import { makeNode, type Node, operatorName } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { CONV_ACTIVATIONS, piecesOf, REORDER_MACS, type RuleContext } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { channelsInBlocks } from './blocks.ts'
import { channelsPadded } from './kept-channels.ts'

export const padInBlocks = blockPass(
  'padInBlocks',
  'Channels of zeros for a sum are made by a convolution of one tap, so that sums stay in blocks of channels.',
  { roots: ['Pad'], apply },
)

function apply(node: Node, context: RuleContext, block: ChannelBlock): boolean {
  const { editor, constant } = context
  const [x, y] = [node.inputs[0]!, node.outputs[0]!]
  const by = channelsPadded(node, constant)
  const from = by === undefined ? undefined : channelsInBlocks(x, context, block)
  if (by === undefined || from === undefined || from % block !== 0 || by % block !== 0) return false
  if (from > REORDER_MACS * sumsBehind(y, from + by, context, block).size) return false
  const { floats } = piecesOf(y, editor)
  const unit = new Float32Array((from + by) * from)
  for (let channel = 0; channel < from; channel++) unit[channel * from + channel] = 1
  const weights = floats([from + by, from, 1, 1], unit, 'weights')
  editor.replace(node, makeNode('Conv', [x, weights], [y], { name: node.name }))
  return true
}

/** Sums of a value, and of these sums, with values of so many channels in blocks; activations may stand in between. */
function sumsBehind(
  value: string,
  channels: number,
  context: RuleContext,
  block: ChannelBlock,
  sums = new Set<Node>(),
): Set<Node> {
  for (const reader of context.editor.consumers(value)) {
    const operator = operatorName(reader)
    const [output] = reader.outputs as [string]
    if (CONV_ACTIVATIONS.has(operator)) sumsBehind(output, channels, context, block, sums)
    if (operator !== 'Add' || sums.has(reader)) continue
    const other = reader.inputs[reader.inputs[0] === value ? 1 : 0]!
    if (channelsInBlocks(other, context, block) !== channels) continue
    sums.add(reader)
    sumsBehind(output, channels, context, block, sums)
  }
  return sums
}
