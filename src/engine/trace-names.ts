import { type Graph, type Model, mapGraphs } from '../ir/index.ts'

/** Whether a name, written into JSON as it is, would read as another one or break it; our own brackets would as well. */
const breaks = (name: string) => JSON.stringify(name) !== `"${name}"` || /[⟦⟧]/.test(name)
const PLACEHOLDER = /⟦(\d+)⟧/g

/**
 * The model with placeholders for names of nodes that would break the runtime's trace (it does not escape them), and the
 * way back for the names in the trace, which may have something before or behind.
 */
export function traceable(model: Model): { readonly model: Model; readonly named: (name: string) => string } {
  const replaced: string[] = []
  const safe = (graph: Graph): Graph => ({
    ...graph,
    nodes: graph.nodes.map((node) => {
      const inside = mapGraphs(node, safe)
      return breaks(node.name) ? { ...inside, name: `⟦${replaced.push(node.name) - 1}⟧` } : inside
    }),
  })
  const graph = safe(model.graph)
  if (replaced.length === 0) return { model, named: (name) => name }
  return { model: { ...model, graph }, named: (name) => name.replace(PLACEHOLDER, (_, i) => replaced[Number(i)]!) }
}
