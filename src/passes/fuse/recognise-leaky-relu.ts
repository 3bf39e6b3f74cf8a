/*
 * y = PRelu(x, [a, a, …])   ⇒   y = LeakyRelu<alpha = a>(x)
 * A convolution takes a LeakyRelu in, in float, and there is an integer kernel for it; a PRelu stands by itself.
 * Illegal: slopes that are not constant, or not all equal; of a shape that the runtime would widen x to.
 * Source: ONNX, PRelu and LeakyRelu: y = x where x ≥ 0, else slope · x.
 */
import { float, makeNode, type Node, tensorShape, tensorValues } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const recogniseLeakyRelu = rulePass(
  'recogniseLeakyRelu',
  'Writes a PRelu of one slope as the LeakyRelu that it is.',
  [{ roots: ['PRelu'], apply }],
)

function apply(node: Node, { editor, constant, types }: RuleContext): RuleOutcome {
  const slopes = constant(node.inputs[1]!)
  // Other floats round the slope otherwise, and integers have no such operator.
  if (slopes?.dtype !== 'float32') return false
  const values = tensorValues(slopes) as Float32Array
  const [alpha] = values
  if (alpha === undefined || values.some((value) => value !== alpha)) return false
  const dims = tensorShape(types.get(node.inputs[0]!)) ?? []
  const ahead = dims.length - slopes.dims.length
  if (ahead < 0) return { refused: 'its slopes have more axes than the value is known to have' }
  if (slopes.dims.some((dim, i) => dim !== 1 && typeof dims[ahead + i] === 'number' && dims[ahead + i] !== dim))
    return { refused: 'there are more slopes than the value has elements for' }
  editor.replace(
    node,
    makeNode('LeakyRelu', [node.inputs[0]!], node.outputs, { name: node.name, attributes: { alpha: float(alpha) } }),
  )
  return true
}
