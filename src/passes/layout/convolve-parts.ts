/*
 * a, b = Split<axis = 1>(Conv(x, W, c))   ⇒   a = Conv(x, W₁, c₁)   b = Conv(x, W₂, c₂)
 * also with activations, x·σ(x) and convolutions of one channel a group in between, each of which is done by parts then.
 * The halves of a convolution that gates multiply (SimpleGate, GLU) or that a stage treats apart (C2f of YOLOv8 and later)
 * lie in blocks of channels, which a Split has no kernel for: all are put into plain order for it, and the parts into
 * blocks again (in float, three gates of 32 channels at 64×64: 2.13 ms, then 1.83; three of 64 at 32×32 with sigmoids
 * 1.70 and 1.52; a C2f of 32 channels at 80×80 4.30 and 4.11).
 * Illegal: a value on the way is read elsewhere or is an output; weights that are not constant float32.
 * Left alone: parts that are no whole blocks, which would be filled up, and those of large windows over many channels,
 * whose kernel is the slower the fewer channels it makes at once (128 channels to two of 16 by 3×3 at 14×14: 0.170 ms,
 * apart 0.177).
 * Source: an output channel of a convolution depends on its own weights alone.
 */
import {
  elementCount,
  floatOperands,
  int,
  intAttribute,
  isDepthwise,
  type Node,
  type Tensor,
  tensorShape,
  tensorValues,
} from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import {
  BLOCK,
  CONV_ACTIVATIONS,
  type Pieces,
  piecesOf,
  REORDER_MACS,
  type RuleContext,
  type RuleOutcome,
} from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { blockedNs } from './blocked-rates.ts'
import { isBlockedConv } from './blocks.ts'

const RANK = 4

export const convolveParts = blockPass(
  'convolveParts',
  'Convolutions whose channels are only split become one for each part, so that parts stay in blocks.',
  { roots: ['Split'], apply },
)

/** How much longer a multiply-accumulate takes in kernels that make so few channels each: what they read serves 64 at once. */
function slowerBy(widths: readonly number[], block: ChannelBlock): number {
  const least = Math.min(...widths)
  if (block === BLOCK) return least < 2 * BLOCK ? 0.1 : least < 4 * BLOCK ? 0.04 : 0
  const apart = widths.reduce((sum, width) => sum + blockedNs(1, width, block), 0)
  const whole = widths.reduce((sum, width) => sum + width, 0)
  return apart / blockedNs(1, whole, block) - 1
}

/** Channels of a value, from one to before another. */
interface Part {
  readonly from: number
  readonly to: number
}

/** Gives the nodes that make a part of a value of the same part of the one before it; the last of them gives `output`. */
type Step = (read: string, part: Part, output: string, pieces: Pieces) => readonly Node[]

function apply(split: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, types } = context
  const whole = split.inputs[0]!
  const rank = tensorShape(types.get(whole))?.length
  if (rank !== RANK || ![1, 1 - RANK].includes(intAttribute(split, 'axis', 0)) || split.outputs.length < 2) return false
  const widths = split.outputs.map((name) => tensorShape(types.get(name))?.[1])
  if (!widths.every((width) => typeof width === 'number' && width > 0 && width % block === 0)) return false
  const chain = editor.soleConsumer(whole) === split ? chainTo(whole, context) : undefined
  if (!chain || chain.macs * slowerBy(widths as number[], block) > REORDER_MACS) return false
  let from = 0
  const made = split.outputs.flatMap((output, i) => {
    const part = { from, to: from + (widths[i] as number) }
    from = part.to
    const pieces = piecesOf(output, editor)
    let read = chain.input
    return chain.steps.flatMap((step, k) => {
      const [to] = k === chain.steps.length - 1 ? [output] : pieces.values('part')
      const nodes = step(read, part, to, pieces)
      read = to
      return nodes
    })
  })
  const last = editor.producer(whole)!
  editor.replace(split, ...made)
  editor.removeUnused(last)
  return true
}

/** A convolution that reads `input`, and what makes a value of what it gives, channel by channel. */
interface Chain {
  readonly input: string
  /** Multiply-accumulates that one number takes. */
  readonly macs: number
  readonly steps: readonly Step[]
}

/** Undefined where the value is made otherwise, or something on the way is read elsewhere; `value` has one reader. */
function chainTo(value: string, context: RuleContext): Chain | undefined {
  const { editor, constant } = context
  const node = editor.producer(value)
  if (!node) return undefined
  const input = node.inputs[0]!
  const behind = (read: string, step: Step): Chain | undefined => {
    const chain = chainTo(read, context)
    return chain && { ...chain, steps: [...chain.steps, step] }
  }
  if (isBlockedConv(node, constant)) {
    const step = convolution(node, context)
    if (!step || intAttribute(node, 'group', 1) === 1)
      return step && { input, macs: elementCount(constant(node.inputs[1]!)!.dims.slice(1)), steps: [step] }
    return editor.soleConsumer(input) === node ? behind(input, step) : undefined
  }
  if (node.domain !== '') return undefined
  if (CONV_ACTIVATIONS.has(node.opType))
    return editor.soleConsumer(input) === node
      ? behind(input, (read, _, output, { make }) => [activation(node, read, make('', [], output))])
      : undefined
  const gate = node.opType === 'Mul' ? gateOf(node, context) : undefined
  if (!gate) return undefined
  return behind(gate.inputs[0]!, (read, _, output, { values, make }) => {
    const [opened] = values('gate')
    return [activation(gate, read, make('', [], opened)), make('Mul', [read, opened], output)]
  })
}

const activation = (node: Node, read: string, { name, outputs }: Node): Node => ({
  ...node,
  name: `${name}${node.opType}`,
  inputs: [read, ...node.inputs.slice(1)],
  outputs,
})

/** The activation by which a product multiplies what it reads itself, where nothing else reads either. */
function gateOf(product: Node, { editor }: RuleContext): Node | undefined {
  return product.inputs
    .map((name) => editor.producer(name, ...CONV_ACTIVATIONS))
    .find((gate, side) => {
      const read = product.inputs[1 - side]!
      if (!gate || gate.inputs[0] !== read || editor.isOutput(read)) return false
      return editor.soleConsumer(gate.outputs[0]!) === product && editor.consumers(read).length === 2
    })
}

/** A convolution of a part of the channels; undefined where its constants cannot be cut. */
function convolution(node: Node, { constant }: RuleContext): Step | undefined {
  const operands = floatOperands(node, constant)
  if (!operands) return undefined
  const { weight, bias } = operands
  const depthwise = isDepthwise(node, weight)
  return (read, part, output, { make, floats }) => {
    const of = (tensor: Tensor, hint: string) => {
      const inner = elementCount(tensor.dims.slice(1))
      const values = (tensorValues(tensor) as Float32Array).subarray(part.from * inner, part.to * inner)
      return floats([part.to - part.from, ...tensor.dims.slice(1)], values, hint)
    }
    const inputs = [read, of(weight, 'weights'), ...(bias ? [of(bias, 'bias')] : [])]
    const attributes = new Map(node.attributes)
    if (depthwise) attributes.set('group', int(part.to - part.from))
    return [{ ...make('Conv', inputs, output), attributes }]
  }
}
