/*
 * y = Sum(a, b)         ⇒   y = Add(a, b)
 * y = Sum(a, b, c, …)   ⇒   y = Add(…, Add(Add(a, b), c))
 * Residual networks of older tools, and branches that meet (add_n, AddN), are spelled so. A convolution takes an Add in,
 * and there is an integer kernel for it.
 * Illegal: operator sets below 8, in which Sum does not broadcast as Add does.
 * Source: ONNX, Sum; the runtime adds from left to right as well.
 */
import type { Node } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const recogniseAdd = rulePass('recogniseAdd', 'Writes a Sum of several values as the Adds that it is.', [
  { roots: ['Sum'], apply },
])

function apply(node: Node, { editor, opset }: RuleContext): RuleOutcome {
  if (opset < 8 || node.inputs.length < 2) return false
  const output = node.outputs[0]!
  const { values, make } = piecesOf(output, editor, node)
  let sum = node.inputs[0]!
  const adds = node.inputs.slice(1).map((term, i) => {
    const [partial] = i === node.inputs.length - 2 ? [output] : values('partial')
    const add = make('Add', [sum, term], partial)
    sum = partial
    return add
  })
  editor.replace(node, ...adds)
  return true
}
