/*
 * y = Clip(a)      a = LeakyRelu(Conv(x, w))    ⇒    y = Clip(Conv<group = C>(a, 1))
 * and so with every second activation that has no blocked kernel of its own: Clip, LeakyRelu, HardSigmoid, HardSwish
 * A convolution takes one activation in. The second stands by itself, and between convolutions, where values lie in
 * blocks of channels, the runtime puts the value into plain order for it, and into blocks again: 0.050 ms for 24
 * channels of 74×32, where a convolution of one tap, which takes the second in, needs 0.017.
 * Illegal: a is made by anything but a convolution in float with an activation behind it; anything but convolutions and
 * pools reads y.
 * Left alone: fewer channels than a block has, or no fours of them; pools of channels that are no whole blocks.
 * Source: x·1, exact. Which operators have blocked kernels: `nchwc_transformer.cc` of ONNX Runtime.
 */
import { int, makeNode, type Node, tensorOf } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { CONV_ACTIVATIONS, type RuleContext, type RuleOutcome } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { feedsBlocks, isBlockedConv, QUARTER } from './blocks.ts'

/** What has a blocked kernel by itself. */
const BLOCKED: ReadonlySet<string> = new Set(['Relu', 'Sigmoid', 'Tanh'])

export const activateInBlocks = blockPass(
  'activateInBlocks',
  'A second activation between convolutions becomes that of a convolution of one tap, which works on blocks of channels.',
  { roots: [...CONV_ACTIVATIONS].filter((operator) => !BLOCKED.has(operator)), apply },
)

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, constant } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const first = editor.producer(input, ...CONV_ACTIVATIONS)
  const conv = first && editor.producer(first.inputs[0]!)
  if (!conv || !isBlockedConv(conv, constant)) return false
  if (!editor.soleConsumer(input) || !editor.soleConsumer(conv.outputs[0]!)) return false
  const channels = constant(conv.inputs[1]!)!.dims[0]!
  if (channels < block || channels % QUARTER !== 0 || !feedsBlocks(output, channels, context, block)) return false
  const same = editor.freshName(`${output}_same`)
  const ones = tensorOf('float32', [channels, 1, 1, 1], new Float32Array(channels).fill(1))
  editor.replace(
    node,
    makeNode('Conv', [input, editor.addConstant(ones, `${output}_ones`)], [same], {
      name: editor.freshName(`${node.name || output}_same`),
      attributes: { group: int(channels) },
    }),
    { ...node, inputs: [same, ...node.inputs.slice(1)] },
  )
  return true
}
