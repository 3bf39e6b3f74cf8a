/*
 * y = ReduceMean<keepdims = 1>(x, {2, 3})   ⇒   y = GlobalAveragePool(x)
 * y = ReduceMean<keepdims = 0>(x, {2, 3})   ⇒   y = Flatten(GlobalAveragePool(x))      x = Conv(…) or, of such values,
 *                                                                                     activation, sum or Concat
 * y = ReduceMean<keepdims = 1>(x, {3})      ⇒   y = AveragePool<1×W>(x)                also over height alone
 * y = ReduceMax(x, {2, 3})                  ⇒   y = GlobalMaxPool(x)
 * Heads and gates of channels are exported so by Keras, and by PyTorch as `x.mean((2, 3))`; coordinate attention averages
 * over rows and over columns. The pool works on the blocks of channels that a convolution leaves, and has an integer
 * kernel; for the mean they are put into plain order first, and codes become floats (an EfficientNet of 64×64 pixels with
 * nine of them, in float: 0.72 ms, then 0.65).
 * Illegal: other axes than height and width. Left alone: one of them whose size is not known, or that is taken away.
 * Left alone: what no convolution makes; in plain order the mean is the faster kernel, by two to three times.
 * Source: ONNX, GlobalAveragePool, AveragePool, GlobalMaxPool. Which operators have blocked kernels:
 * `nchwc_transformer.cc` of ONNX Runtime.
 */
import { averagesPicture, intAttribute, ints, makeNode, type Node, pictureSize, reducedPlaces } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import type { RuleContext, RuleOutcome } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { channelsInBlocks } from './blocks.ts'

export const averageInBlocks = blockPass(
  'averageInBlocks',
  'A mean or maximum over height and width behind a convolution becomes a pool, which works on blocks of channels and in integers.',
  { roots: ['ReduceMean', 'ReduceMax'], apply },
)

/** Height and width, behind rows and channels. */
const RANK = 4

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, constant } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const kept = intAttribute(node, 'keepdims', 1) !== 0
  if (!averagesPicture(node, RANK, constant)) return kept && averageLines(node, context, block)
  if (channelsInBlocks(input, context, block) === undefined) return false
  const mean = kept ? output : editor.freshName(`${output}_mean`)
  editor.replace(
    node,
    makeNode(node.opType === 'ReduceMax' ? 'GlobalMaxPool' : 'GlobalAveragePool', [input], [mean], { name: node.name }),
    ...(kept ? [] : [makeNode('Flatten', [mean], [output], { name: editor.freshName(`${output}_Flatten`) })]),
  )
  return true
}

/** A mean over all rows or all columns as a pool with a window of that size. */
function averageLines(node: Node, context: RuleContext, block: ChannelBlock): boolean {
  const { editor, constant, types } = context
  const [input] = node.inputs as [string]
  const [place, ...others] = reducedPlaces(node, RANK, constant)
  const size = pictureSize(types.get(input))
  const isLine = node.opType === 'ReduceMean' && others.length === 0 && (place === RANK - 2 || place === RANK - 1)
  if (!isLine || !size || channelsInBlocks(input, context, block) === undefined) return false
  const window = size.map((side, i) => (i === place - (RANK - 2) ? side : 1))
  const attributes = { kernel_shape: ints(window) }
  editor.replace(node, makeNode('AveragePool', [input], node.outputs, { name: node.name, attributes }))
  return true
}
