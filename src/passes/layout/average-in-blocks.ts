/*
 * y = ReduceMean<keepdims = 1>(x, {2, 3})   ⇒   y = GlobalAveragePool(x)
 * y = ReduceMean<keepdims = 0>(x, {2, 3})   ⇒   y = Flatten(GlobalAveragePool(x))      x = Conv(…) or, of such values,
 *                                                                                     activation, sum or Concat
 * Heads and gates of channels are exported so by Keras, and by PyTorch as `x.mean((2, 3))`. The pool works on the blocks of
 * channels that a convolution leaves, and has an integer kernel; for the mean they are put into plain order first, and codes
 * become floats (an EfficientNet of 64×64 pixels with nine of them, in float: 0.72 ms, then 0.65).
 * Illegal: other axes than height and width, or one of them alone.
 * Left alone: what no convolution makes; in plain order the mean is the faster kernel, by two to three times.
 * Source: ONNX, GlobalAveragePool. Which operators have blocked kernels: `nchwc_transformer.cc` of ONNX Runtime.
 */
import { averagesPicture, intAttribute, makeNode, type Node, operatorName } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { ACTIVATIONS, BLOCK, isBlockedConv } from './blocks.ts'

export const averageInBlocks = rulePass(
  'averageInBlocks',
  'A mean over height and width behind a convolution becomes a pool, which works on blocks of channels and in integers.',
  [{ roots: ['ReduceMean'], apply }],
)

/** Height and width, behind rows and channels. */
const RANK = 4
/** Values that are looked at behind one mean: further away there is a convolution, or it is a strange model. */
const FAR = 100

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  if (!averagesPicture(node, RANK, constant)) return false
  if (channelsInBlocks(input, context) === undefined) return false
  const kept = intAttribute(node, 'keepdims', 1) !== 0
  const mean = kept ? output : editor.freshName(`${output}_mean`)
  editor.replace(
    node,
    makeNode('GlobalAveragePool', [input], [mean], { name: node.name }),
    ...(kept ? [] : [makeNode('Flatten', [mean], [output], { name: editor.freshName(`${output}_Flatten`) })]),
  )
  return true
}

/**
 * How many channels a value has that convolutions leave in blocks: also behind an activation (x·σ(x) is spelled as two
 * nodes), a sum, or a Concat of whole blocks. Undefined where the value is in plain order, or may be.
 */
function channelsInBlocks(
  value: string,
  context: RuleContext,
  known: Map<string, number | undefined> = new Map(),
): number | undefined {
  if (known.has(value) || known.size > FAR) return known.get(value)
  known.set(value, undefined)
  known.set(
    value,
    channelsMade(value, context, (name) => channelsInBlocks(name, context, known)),
  )
  return known.get(value)
}

function channelsMade(
  value: string,
  { editor, constant }: RuleContext,
  channelsOf: (name: string) => number | undefined,
): number | undefined {
  const maker = editor.producer(value)
  if (!maker) return undefined
  if (isBlockedConv(maker, constant)) return constant(maker.inputs[1]!)!.dims[0]
  const parts = () => maker.inputs.map(channelsOf)
  const operator = operatorName(maker)
  if (operator === 'Concat') {
    const widths = intAttribute(maker, 'axis', 0) === 1 ? parts() : []
    return widths.length > 0 && widths.every((width) => width !== undefined && width % BLOCK === 0)
      ? widths.reduce<number>((sum, width) => sum + width!, 0)
      : undefined
  }
  if (operator === 'Add') {
    const [left, right] = parts()
    return left === right ? left : undefined
  }
  if (operator !== 'Mul') return ACTIVATIONS.has(operator) ? channelsOf(maker.inputs[0]!) : undefined
  const gated = maker.inputs.find((x, side) => {
    const gate = editor.producer(maker.inputs[1 - side]!)
    return gate !== undefined && ACTIVATIONS.has(operatorName(gate)) && gate.inputs[0] === x
  })
  return gated === undefined ? undefined : channelsOf(gated)
}
