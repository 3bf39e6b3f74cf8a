/*
 * a = Slice(x, …); b = Slice(x, …)    ⇒  [a] a = Slice(x, …); b = Slice(x, …)    a name for a node that had none
 * Releases 1.18 to 1.21 of the runtime make one Split of the cuts of a value and call it after the first of them. Where
 * two values are cut by nodes without names, two nodes of theirs have one name, and they refuse their own graph.
 * Illegal: a node that has a name; cuts of one value alone, whose Split has nobody to be mistaken for.
 * Source: onnxruntime, GatherSliceToSplitFusion.
 */
import { type Graph, type Node, operatorName } from '../../ir/index.ts'
import { mapNestedGraphs, type Pass } from '../../rewrite/index.ts'

export const nameCuts: Pass = {
  id: 'nameCuts',
  summary:
    'Names the cuts of values that are cut several times, which some releases of the runtime mistake for each other.',
  run(model) {
    const counter = { applied: 0 }
    const graph = named(model.graph, counter)
    return {
      model: graph === model.graph ? model : { ...model, graph },
      report: { id: this.id, applied: counter.applied, refused: [] },
    }
  },
}

const isCut = (node: Node) => ['Slice', 'Gather'].includes(operatorName(node))

function named(before: Graph, counter: { applied: number }): Graph {
  const graph = mapNestedGraphs(before, (nested) => named(nested, counter))
  const cuts = new Map<string, Node[]>()
  for (const node of graph.nodes)
    if (isCut(node)) cuts.set(node.inputs[0]!, [...(cuts.get(node.inputs[0]!) ?? []), node])
  const many = [...cuts.values()].filter((nodes) => nodes.length > 1 && nodes.some(({ name }) => name === ''))
  if (many.length < 2) return graph
  const due = new Set(many.flat().filter(({ name }) => name === ''))
  const taken = new Set(graph.nodes.map(({ name }) => name))
  const free = (output: string): string => (taken.has(output) ? free(`${output}_cut`) : output)
  const nodes = graph.nodes.map((node) => {
    if (!due.has(node)) return node
    const name = free(node.outputs[0]!)
    taken.add(name)
    counter.applied++
    return { ...node, name }
  })
  return { ...graph, nodes }
}
