import { equalTensors, type Graph, nestedGraphs, type Tensor } from '../../ir/index.ts'
import { mapNestedGraphs } from '../../rewrite/index.ts'

/**
 * Constants that nested graphs hold alike stand once, in the graph around them: both branches of a decoder with and
 * without a cache read the same weights, and rules put codes into each graph by itself. Only constants of `fresh` names,
 * which are unique in the whole model.
 */
export function shareBranchConstants(graph: Graph, fresh: (name: string) => boolean): Graph {
  const inBranches = new Map<string, Tensor>()
  const visit = (outer: Graph): void => {
    for (const node of outer.nodes)
      for (const [, nested] of nestedGraphs(node)) {
        for (const [name, tensor] of nested.initializers) if (fresh(name)) inBranches.set(name, tensor)
        visit(nested)
      }
  }
  visit(graph)
  if (inBranches.size === 0) return graph
  const around = [...graph.initializers].filter(([name]) => fresh(name))
  const equal = new Map([...equalTensors([...around, ...inBranches])].filter(([name]) => inBranches.has(name)))
  if (equal.size === 0) return graph
  const lifted = new Map([...equal.values()].flatMap((name) => [[name, inBranches.get(name)] as const]))
  const strip = (nested: Graph): Graph =>
    mapNestedGraphs(
      {
        ...nested,
        initializers: new Map([...nested.initializers].filter(([name]) => !equal.has(name) && !lifted.get(name))),
        nodes: nested.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => equal.get(name) ?? name) })),
      },
      strip,
    )
  const initializers = new Map(graph.initializers)
  for (const [name, tensor] of lifted) if (tensor) initializers.set(name, tensor)
  return { ...mapNestedGraphs(graph, strip), initializers }
}
