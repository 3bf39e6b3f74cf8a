/*
 * y = Div(x, Expand(n, s)), x: float[N, T, 64], Expand(n, s): float[N, T, 64]      ⇒  y = Div(x, n)
 * Also other elementwise operators, which repeat what is short by themselves: a norm that a vector is divided by need
 * not be written out once for each of its elements.
 * Illegal: no other operand has the whole size, which would shrink then. Left alone: an Expand that several read, for it
 * is repeated once for all.
 * Source: ONNX, multidirectional broadcasting.
 */
import { BROADCASTING, type Node, sameShape, tensorShape } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const dropExpand = rulePass(
  'dropExpand',
  'Leaves out an Expand in front of an operator that repeats what is short by itself.',
  [{ roots: ['Expand'], apply }],
)

function apply(node: Node, { editor, types }: RuleContext): RuleOutcome {
  const value = node.outputs[0]!
  const user = editor.soleConsumer(value, ...BROADCASTING)
  if (!user || user.attributes.has('axis')) return false
  const shapeOf = (name: string) => tensorShape(types.get(name))
  const [short, whole] = [shapeOf(node.inputs[0]!), shapeOf(value)]
  if (!short || !whole) return false
  const covers = (name: string) => name !== value && sameShape(shapeOf(name), whole)
  if (!user.inputs.some(covers)) return { refused: 'no other operand is known to have the whole size' }
  editor.replace(user, { ...user, inputs: user.inputs.map((name) => (name === value ? node.inputs[0]! : name)) })
  editor.removeUnused(node)
  return true
}
