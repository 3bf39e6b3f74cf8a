/*
 * y = ReduceMean<keepdims = 1>(x, {1})   ⇒   y = Conv(x, {1/C, …})      whose only readers are Concat and Conv
 * Spatial attention (CBAM) joins the mean and the maximum over channels of a picture and convolves both. The mean has no
 * integer kernel, and as a convolution of one tap it has: else codes are made floats, in plain order, for a mean that is
 * coded again (a ResNet of 96×96 pixels with four such blocks, by processor time on a busy machine: 1.75 ms, then 1.61).
 * Its weights, all equal, are coded exactly. For static integers alone: in float a product is faster (`averageByProduct`).
 * Illegal: other axes, other types than float32, channels that are not known.
 * Left alone: means that anything else reads, as of a normalization, whose differences and ratios codes would blur.
 * Source: Σ x / C = Σ x · (1/C).
 */
import { float32Shape, intAttribute, makeNode, type Node, reducedPlaces } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const averageByConvolution = rulePass(
  'averageByConvolution',
  'A mean over channels that a convolution reads becomes a convolution of one tap, which has an integer kernel.',
  [{ roots: ['ReduceMean'], apply }],
)

/** Rows, channels, height and width. */
const RANK = 4

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, types } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const shape = float32Shape(types.get(input))
  const channels = shape?.length === RANK ? shape[1] : undefined
  if (typeof channels !== 'number' || intAttribute(node, 'keepdims', 1) === 0) return false
  if (reducedPlaces(node, RANK, constant).join() !== '1' || editor.isOutput(output)) return false
  const readers = editor.consumers(output)
  if (readers.length === 0 || !readers.every(({ opType }) => opType === 'Concat' || opType === 'Conv')) return false
  const { floats } = piecesOf(output, editor)
  const weights = floats([1, channels, 1, 1], new Array<number>(channels).fill(1 / channels), 'weights')
  editor.replace(node, makeNode('Conv', [input, weights], [output], { name: node.name }))
  return true
}
