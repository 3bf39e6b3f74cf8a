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
import { averagesPicture, intAttribute, makeNode, type Node } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { channelsInBlocks } from './blocks.ts'

export const averageInBlocks = rulePass(
  'averageInBlocks',
  'A mean over height and width behind a convolution becomes a pool, which works on blocks of channels and in integers.',
  [{ roots: ['ReduceMean'], apply }],
)

/** Height and width, behind rows and channels. */
const RANK = 4

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
