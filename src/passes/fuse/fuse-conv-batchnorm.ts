/*
 * y = BatchNormalization(Conv(x, W, b), γ, β, μ, σ²)  ⇒  y = Conv(x, W·s, b·s + β − μ·s)    s = γ/√(σ²+ε)
 * Also ConvTranspose, Gemm and MatMul (where no shift remains), and BatchNormalization *before* them.
 * Illegal: the Conv's result is read by somebody else or is an output; statistics or weights are not constant or not
 * finite; training mode; before a padded Conv a shift would change the border, because the padding is not shifted;
 * before any, what brings columns of a graph input to one size (`levelsInput`).
 * Source: Jacob et al., "Quantization and Training of Neural Networks" (2018), section 3.2.
 */
import { type Node, operatorName } from '../../ir/index.ts'
import { affineOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { absorbInto } from './absorb.ts'
import { foldAfter, linearOf } from './linear.ts'

export const fuseConvBatchNorm = rulePass(
  'fuseConvBatchNorm',
  'Folds batch normalization into the weights of the convolution or matrix product beside it.',
  [{ roots: ['BatchNormalization'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const input = node.inputs[0]!
  const producer = editor.producer(input)
  const linear = linearOf(producer, context)
  if (!linear) return absorbInto(node, context)
  if ('refused' in linear) return linear
  if (editor.soleConsumer(input) !== node)
    return { refused: `${operatorName(producer!)} before it is also read elsewhere` }
  const affine = affineOf(node, context.constant, linear.output)
  if (!affine) return { refused: 'its statistics are not finite constants of inference mode' }
  const fused = foldAfter(linear, affine, node.outputs[0]!, editor)
  if ('refused' in fused) return fused
  editor.replace(node, fused)
  editor.remove(producer!)
  return true
}
