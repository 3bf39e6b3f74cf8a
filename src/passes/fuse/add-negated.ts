/*
 * y = Sub(a, Conv(x, W, b))   ⇒   y = Add(a, Conv(x, −W, −b))          also ConvTranspose, Gemm, MatMul
 * Denoisers take what they make of a picture away from it, detail is what an average leaves. There is an integer kernel for
 * the sum and none for the difference, and a float convolution takes a sum in (four blocks of 32 channels at 96×96:
 * 0.95 times the processor time in float, 0.86 in static integers).
 * Illegal: the product's result is read by somebody else or is an output; weights that are not constant floats.
 * Left alone: weights that others read as well, which would be stored twice.
 * Source: a − c = a + (−c), to the bit but for the sign of a zero: rounding is the same on both sides of zero.
 */
import { makeNode, type Node, operatorName } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { foldAfter, linearOf } from './linear.ts'

export const addNegated = rulePass(
  'addNegated',
  'What a convolution or product makes and a Sub takes away is made with its sign turned, and added.',
  [{ roots: ['Sub'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const [whole, taken] = node.inputs as [string, string]
  const product = editor.producer(taken)
  const linear = linearOf(product, context)
  if (!product || !linear || whole === taken || editor.constant(whole)) return false
  if ('refused' in linear) return linear
  if (editor.soleConsumer(taken) !== node) return { refused: `${operatorName(product)} is also read elsewhere` }
  if (product.inputs.slice(1).some((name) => name !== '' && editor.consumers(name).length > 1))
    return { refused: 'its weights are also read elsewhere' }
  const negative = editor.freshName(`${taken}_negative`)
  const turned = { input: taken, scale: Float64Array.of(-1), shift: Float64Array.of(0) }
  const negated = foldAfter(linear, turned, negative, editor)
  if ('refused' in negated) return negated
  editor.replace(node, negated, makeNode('Add', [whole, negative], [node.outputs[0]!], { name: node.name }))
  editor.remove(product)
  return true
}
