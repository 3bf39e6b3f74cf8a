import { type Graph, type Node, readsOf } from '../../ir/index.ts'

/** The graph without the nodes and constants that no output needs. */
export function needed(graph: Graph): Graph {
  const wanted = new Set(graph.outputs.map(({ name }) => name))
  const nodes: Node[] = []
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue
    for (const name of readsOf(node)) wanted.add(name)
    nodes.push(node)
  }
  return {
    ...graph,
    nodes: nodes.reverse(),
    initializers: new Map([...graph.initializers].filter(([name]) => wanted.has(name))),
    valueInfos: new Map([...graph.valueInfos].filter(([name]) => wanted.has(name))),
  }
}
