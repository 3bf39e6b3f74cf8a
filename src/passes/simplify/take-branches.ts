/*
 * y = If<then_branch = g, else_branch = h>(true)   ⇒   the nodes of g, or those of h for false
 * Exporters write an If wherever a size decides what is done, and once sizes are known it is settled. Nothing looks into
 * a branch: what is in it is neither fused nor quantized, and in front of it a value is put into plain order.
 * Illegal: branches that hold graphs of their own, or sparse weights.
 * Source: ONNX, If.
 */
import { type Graph, hasNestedGraphs, makeNode, type Node, tensorValues } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const takeBranches = rulePass(
  'takeBranches',
  'An If whose condition is known becomes the branch that is taken.',
  [{ roots: ['If'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  const condition = constant(node.inputs[0]!)
  if (condition?.dtype !== 'bool') return false
  const attribute = node.attributes.get(tensorValues(condition)[0] ? 'then_branch' : 'else_branch')
  if (attribute?.type !== 'graph') return false
  const branch = attribute.value
  if (branch.nodes.some(hasNestedGraphs)) return { refused: 'its branch holds graphs of its own' }
  if ((branch.sparseInitializers ?? []).length > 0) return { refused: 'its branch holds sparse weights' }
  editor.replace(node, ...taken(branch, node, context))
  return true
}

/** The nodes of a branch under names of their own, which make what the If made. */
function taken(branch: Graph, node: Node, { editor }: RuleContext): readonly Node[] {
  const made = new Set(branch.nodes.flatMap((inner) => inner.outputs))
  const names = new Map<string, string>([['', '']])
  const copies: [from: string, to: string][] = []
  branch.outputs.forEach(({ name }, i) => {
    const target = node.outputs[i] ?? ''
    if (target === '') return
    // What the branch only hands on needs a node that makes the value.
    if (made.has(name)) names.set(name, target)
    else copies.push([name, target])
  })
  for (const [name, tensor] of branch.initializers) names.set(name, editor.addConstant(tensor, name))
  for (const name of made) if (!names.has(name)) names.set(name, editor.freshName(name))
  const renamed = (name: string) => names.get(name) ?? name
  return [
    ...branch.nodes.map((inner) => ({
      ...inner,
      name: inner.name && editor.freshName(inner.name),
      inputs: inner.inputs.map(renamed),
      outputs: inner.outputs.map(renamed),
    })),
    ...copies.map(([from, to]) => makeNode('Identity', [renamed(from)], [to])),
  ]
}
