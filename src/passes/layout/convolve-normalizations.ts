/*
 * y = BatchNormalization(x, γ, β, μ, σ²)   ⇒   y = Conv<group = C>(x, s, β − μ·s)      s = γ/√(σ²+ε)
 * y = Add(Mul(x, s), t)                    ⇒   y = Conv<group = C>(x, s, t)            with s and t one number a channel
 * What stands behind a Concat or a residual sum can go into no weights. As a convolution of one tap it takes its Relu in,
 * works on blocks of channels, and has an integer kernel, which BatchNormalization has not: a dense block need not leave
 * integers at every layer.
 * Illegal: statistics that are not finite constants, or of training; channels that are not known; the value is an output.
 * Left alone where the plain kernel is the faster one: readers, through an activation, other than convolutions and
 * averages; fewer than 16 channels, or no fours of them; large pictures whose blocks of 16 channels are not whole.
 * Source: both are s·x + t a channel.
 */
import { float32Shape, fromNumbers, int, makeNode, type Node, pictureSize } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import {
  type Affine,
  affineOf,
  atChannel,
  CONV_ACTIVATIONS,
  composeAffine,
  type RuleContext,
  type RuleOutcome,
} from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { isBlockedConv, QUARTER } from './blocks.ts'

export const convolveNormalizations = blockPass(
  'convolveNormalizations',
  'Normalizations that fold into no weights become convolutions of one tap, which have fast kernels.',
  { roots: ['BatchNormalization', 'Add'], apply },
)

const AVERAGES: ReadonlySet<string> = new Set(['AveragePool', 'GlobalAveragePool'])
/** Elements whose integer convolution of one tap takes 8 µs longer in broken blocks (0.33 ns each) than in whole ones (0.1). */
const MOST_IN_BROKEN_BLOCKS = 32_768

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor } = context
  const output = node.outputs[0]!
  const channels = channelsOf(output, context)
  if (channels === undefined || !hasFastKernel(channels, output, block, context)) return false
  const affine = affineAt(node, channels, context)
  if (!affine)
    return node.opType === 'Add' ? false : { refused: 'its statistics are not finite constants of inference' }
  if (editor.isOutput(output) || !isReadInBlocks(output, context)) return false
  const vector = (values: Float64Array) => Float64Array.from({ length: channels }, (_, i) => atChannel(values, i))
  const inputs = [
    affine.input,
    editor.addConstant(fromNumbers('float32', [channels, 1, 1, 1], vector(affine.scale)), `${output}_taps`),
    editor.addConstant(fromNumbers('float32', [channels], vector(affine.shift)), `${output}_shift`),
  ]
  const mul = node.opType === 'Add' ? editor.producer(node.inputs.find((name) => !editor.constant(name))!) : undefined
  editor.replace(node, makeNode('Conv', inputs, [output], { name: node.name, attributes: { group: int(channels) } }))
  if (mul) editor.removeUnused(mul)
  return true
}

/** The channels of a float picture; undefined where it is none or they are not known. */
function channelsOf(value: string, { types }: RuleContext): number | undefined {
  const shape = float32Shape(types.get(value))
  return shape?.length === 4 && typeof shape[1] === 'number' ? shape[1] : undefined
}

/** Blocks that are not whole are slow in integers: worth it only where the conversions that go would take longer. */
function hasFastKernel(channels: number, value: string, block: ChannelBlock, { types }: RuleContext): boolean {
  if (channels < block || channels % QUARTER !== 0) return false
  const size = pictureSize(types.get(value))
  const elements = size ? channels * size[0] * size[1] : Number.POSITIVE_INFINITY
  return channels % block === 0 || elements <= MOST_IN_BROKEN_BLOCKS
}

/** What the node, or the product and the sum that end here, do to the channels of one picture. */
function affineAt(node: Node, channels: number, context: RuleContext): Affine | undefined {
  const { editor, constant } = context
  const axis = { fromEnd: 2, channels, rank: 4 }
  const last = affineOf(node, constant, axis)
  if (!last || node.opType !== 'Add') return last && channelsOf(last.input, context) === channels ? last : undefined
  const mul = editor.producer(last.input, 'Mul')
  if (!mul || editor.soleConsumer(last.input) !== node) return undefined
  const first = affineOf(mul, constant, axis)
  return first && channelsOf(first.input, context) === channels ? composeAffine(first, last) : undefined
}

function isReadInBlocks(value: string, context: RuleContext): boolean {
  const { editor } = context
  const readers = editor.consumers(value)
  const behind = (reader: Node) =>
    reader.domain === '' && CONV_ACTIVATIONS.has(reader.opType) && reader.inputs[0] === value
      ? reader.outputs[0]!
      : value
  return (
    readers.length > 0 &&
    readers.every((reader) => {
      const end = behind(reader)
      const ends = end === value ? [reader] : editor.consumers(end)
      return ends.length > 0 && !editor.isOutput(end) && ends.every((user) => takesBlocks(user, end, context))
    })
  )
}

const takesBlocks = (reader: Node, value: string, { constant }: RuleContext) =>
  reader.domain === '' && reader.inputs[0] === value && (AVERAGES.has(reader.opType) || isBlockedConv(reader, constant))
