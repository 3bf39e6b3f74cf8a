import { type Graph, graphNames, type Model, nestedGraphs, readsOf } from '../../ir/index.ts'
import { type GraphEditor, mapNestedGraphs, type Pass, type PassResult, withGraph } from '../../rewrite/index.ts'
import { shareBranchConstants } from './share-branch-constants.ts'

/**
 * Without the constants that some node read in `before` and none reads any more: the float weights whose codes took
 * their place. Constants that nothing read before stay as they came. What branches hold alike since then stands once.
 */
export function dropUnread(before: Model, after: Model): Model {
  if (before === after) return after
  const once = new Set<string>()
  collectReads(before.graph, once)
  const graph = drop(after.graph, once)
  const known = new Set(graphNames(before.graph))
  return withGraph(
    after,
    shareBranchConstants(graph, (name) => !known.has(name)),
  )
}

/** The model as the editor of its main graph leaves it, without what is unread by that; itself where nothing changed. */
export const edited = (model: Model, editor: GraphEditor): Model =>
  editor.changed ? dropUnread(model, { ...model, graph: editor.finish() }) : model

/** Rules that put codes in the place of others; those that nothing reads any more go. */
export const recoding = (rules: Pass): Pass => ({
  ...rules,
  run(model, options, evidence): PassResult {
    const { model: recoded, report } = rules.run(model, options, evidence) as PassResult
    return { model: dropUnread(model, recoded), report }
  },
})

function drop(graph: Graph, once: ReadonlySet<string>): Graph {
  const reads = new Set<string>()
  collectReads(graph, reads)
  const gone = (name: string) => once.has(name) && !reads.has(name)
  const initializers = new Map([...graph.initializers].filter(([name]) => !gone(name)))
  const lean = {
    ...graph,
    initializers,
    inputs: graph.inputs.filter(({ name }) => !(graph.initializers.has(name) && gone(name))),
    nodes: graph.nodes.filter((node) => node.opType !== 'Constant' || !node.outputs.every(gone)),
  }
  return mapNestedGraphs(lean, (nested) => drop(nested, once))
}

function collectReads(graph: Graph, reads: Set<string>): void {
  for (const output of graph.outputs) reads.add(output.name)
  // readsOf counts what nested graphs take from outside; their own values are collected below.
  for (const node of graph.nodes) {
    for (const name of readsOf(node)) reads.add(name)
    for (const [, nested] of nestedGraphs(node)) collectReads(nested, reads)
  }
}
