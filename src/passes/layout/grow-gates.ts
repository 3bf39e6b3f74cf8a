/*
 * y = Mul(x, g)   or   y = Add(x, g)         with x of C channels by H×W, g of as many by 1×1, both in blocks of channels
 *   ⇒  y = Mul(x, Resize<nearest>(g, scales = [1, 1, H, W]))                                                 or the sum
 * Gates of squeeze-and-excitation, and what image pooling adds, have one number for a whole channel. The runtime multiplies
 * blocks by blocks of the same size alone: for such a gate it puts the picture into plain order and into blocks again; and
 * a sum it makes, but a block of channels at a time. Repeating pixels of blocks is one of its fastest kernels, and a sum
 * of two blocks is a part of the convolution that made one of them (with AVX2: a gate of 64 channels of 56×56 0.104 ms,
 * then 0.070; a sum of 64 of 28×28 0.085, then 0.020; the kernels of a DeepLab v3 of 257×257 pixels 19.3, then 18.9).
 * Illegal: sizes that are not known. Left alone: what no convolution makes, nor read by one, as it may lie in plain
 * order.
 * Source: x·g is the same whether g is repeated by the product or before it. Which operators have blocked kernels:
 * `nchwc_transformer.cc` of ONNX Runtime.
 */
import { makeNode, type Node, operatorName, pictureSize, REPEATING, sameSize, tensorShape } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { CONV_ACTIVATIONS, piecesOf, type RuleContext, type RuleOutcome } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { channelsInBlocks, isBlockedConv } from './blocks.ts'

export const growGates = blockPass(
  'growGates',
  'What multiplies or is added to whole channels is repeated over the picture first, so that all stays in blocks.',
  { roots: ['Mul', 'Add'], apply },
)

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, types, opset } = context
  const [output] = node.outputs as [string]
  const sizes = node.inputs.map((name) => pictureSize(types.get(name)))
  const slot = sizes.findIndex((size) => size?.[0] === 1 && size[1] === 1)
  const size = sizes[1 - slot]
  if (opset < 13 || node.inputs.length !== 2 || slot < 0 || !size || size[0] * size[1] === 1) return false
  const [gate, picture] = [node.inputs[slot]!, node.inputs[1 - slot]!]
  const channels = channelsInBlocks(picture, context, block)
  if (channels === undefined || channels % block !== 0 || channelsInBlocks(gate, context, block) !== channels)
    return false
  const [rows, others] = [picture, gate].map((name) => tensorShape(types.get(name))?.[0])
  if (!sameSize(rows, others) || !isReadInBlocks(output, context)) return false
  const { values, floats } = piecesOf(output, editor)
  const [grown] = values('grown')
  const resize = makeNode('Resize', [gate, '', floats([4], [1, 1, ...size], 'sizes')], [grown], {
    name: editor.freshName(`${grown}_Resize`),
    attributes: REPEATING,
  })
  editor.replace(node, resize, { ...node, inputs: node.inputs.map((name, i) => (i === slot ? grown : name)) })
  return true
}

/** Whether a convolution reads the value, at most behind an activation. */
const isReadInBlocks = (value: string, context: RuleContext): boolean =>
  context.editor
    .consumers(value)
    .some((reader) =>
      CONV_ACTIVATIONS.has(operatorName(reader))
        ? isReadInBlocks(reader.outputs[0]!, context)
        : reader.inputs[0] === value && isBlockedConv(reader, context.constant),
    )
