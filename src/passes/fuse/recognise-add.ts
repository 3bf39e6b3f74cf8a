/*
 * y = Sum(a, b)   ⇒   y = Add(a, b)
 * Residual networks of older tools are spelled so. A convolution takes an Add in, and there is an integer kernel for it.
 * Illegal: operator sets below 8, in which Sum does not broadcast as Add does.
 * Source: ONNX, Sum of two inputs.
 */
import { makeNode, type Node } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const recogniseAdd = rulePass('recogniseAdd', 'Writes a Sum of two values as the Add that it is.', [
  { roots: ['Sum'], apply },
])

function apply(node: Node, { editor, opset }: RuleContext): RuleOutcome {
  if (opset < 8 || node.inputs.length !== 2) return false
  editor.replace(node, makeNode('Add', node.inputs, node.outputs, { name: node.name }))
  return true
}
