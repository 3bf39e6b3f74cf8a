/*
 * y = PRelu(x, [a, a, …])   ⇒   y = LeakyRelu<alpha = a>(x)
 * A convolution takes a LeakyRelu in, in float, and there is an integer kernel for it; a PRelu stands by itself.
 * Illegal: slopes that are not constant, or not all equal.
 * Source: ONNX, PRelu and LeakyRelu: y = x where x ≥ 0, else slope · x.
 */
import { float, makeNode, type Node, tensorValues } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const recogniseLeakyRelu = rulePass(
  'recogniseLeakyRelu',
  'Writes a PRelu of one slope as the LeakyRelu that it is.',
  [{ roots: ['PRelu'], apply }],
)

function apply(node: Node, { editor, constant }: RuleContext): RuleOutcome {
  const slopes = constant(node.inputs[1]!)
  // Other floats round the slope otherwise, and integers have no such operator.
  if (slopes?.dtype !== 'float32') return false
  const values = tensorValues(slopes) as Float32Array
  const [alpha] = values
  if (alpha === undefined || values.some((value) => value !== alpha)) return false
  editor.replace(
    node,
    makeNode('LeakyRelu', [node.inputs[0]!], node.outputs, { name: node.name, attributes: { alpha: float(alpha) } }),
  )
  return true
}
