/*
 * y = Transpose<perm = 1, 0, 2>(x), x: float[1, 65, 128]      ⇒  y = Reshape(x, {65, 1, 128})
 * Where axes of size 1 alone change places, every element stays where it is: a Transpose copies them all the same, a
 * Reshape none, and reshapes beside it become one with it (attention over a batch of one that stands second, as torch
 * writes it: 0.002 ms at either end of each layer).
 * Illegal: two sizes or more that are known only when it runs; a size of 0, which a Reshape reads as "as before".
 * Source: row-major order.
 */
import { intsAttribute, type Node } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const reshapeUnitAxes = rulePass('reshapeUnitAxes', 'Moves axes of size 1 without a copy.', [
  { roots: ['Transpose'], apply },
])

function apply(node: Node, { editor, types }: RuleContext): RuleOutcome {
  const type = types.get(node.inputs[0]!)
  const perm = intsAttribute(node, 'perm', null)
  if (!perm || type?.kind !== 'tensor' || type.shape?.length !== perm.length) return false
  const { shape } = type
  const wide = perm.filter((axis) => shape[axis] !== 1)
  if (wide.length === perm.length || wide.some((axis, i) => i > 0 && axis < wide[i - 1]!)) return false
  const target = perm.map((axis) => (typeof shape[axis] === 'number' ? shape[axis] : -1))
  if (target.includes(0)) return false
  if (target.filter((size) => size === -1).length > 1) return { refused: 'its sizes are known only when it runs' }
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const { make, integers } = piecesOf(output, editor, node)
  editor.replace(node, make('Reshape', [input, integers(target, 'shape')], output))
  return true
}
