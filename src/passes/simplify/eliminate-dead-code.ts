/*
 * a = Relu(x); y = Neg(x)            ⇒  y = Neg(x)
 * y, mask = Dropout(x)               ⇒  y = Dropout(x)        an optional last output that nothing reads
 * r [1,8] = Relu(x [N,8])            ⇒  r [N,8]                a stated size of an inner value that does not hold
 * Nodes, constants, stated types of inner values and trailing optional outputs that lead to no graph output go away.
 * So do stated types that contradict the inputs, as where a file's first dimension was opened by hand: the runtime would
 * answer Shape by them.
 * Illegal: nothing that an output depends on; graph inputs stay, for they are the interface.
 * Source: liveness analysis, backwards from the outputs.
 */
import { type Graph, inferTypes, type Node, readsOf, type ValueType } from '../../ir/index.ts'
import { mapNestedGraphs, type Pass } from '../../rewrite/index.ts'

/** Operators whose outputs after the first may be left out. */
const OPTIONAL_OUTPUTS: ReadonlySet<string> = new Set([
  'Dropout',
  'MaxPool',
  'LSTM',
  'GRU',
  'RNN',
  'LayerNormalization',
  'Unique',
])

export const eliminateDeadCode: Pass = {
  id: 'eliminateDeadCode',
  summary: 'Takes away nodes, constants and outputs that lead to no result.',
  run(model) {
    const counter = { applied: 0 }
    const graph = sweep(model.graph, counter, inferTypes(model))
    const report = { id: this.id, applied: counter.applied, refused: [] }
    return { model: graph === model.graph ? model : { ...model, graph }, report }
  },
}

type Types = ReadonlyMap<string, ValueType>

function sweep(before: Graph, counter: { applied: number }, types: Types): Graph {
  const graph = mapNestedGraphs(before, (nested) => sweep(nested, counter, types))
  const live = new Set(graph.outputs.map(({ name }) => name))
  const kept: Node[] = []
  let changed = false
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => live.has(name))) {
      counter.applied++
      changed = true
      continue
    }
    for (const name of readsOf(node)) live.add(name)
    const trimmed = trimOutputs(node, live)
    if (trimmed !== node) {
      counter.applied++
      changed = true
    }
    kept.push(trimmed)
  }
  const nodes = kept.reverse()
  const made = new Set(nodes.flatMap((node) => node.outputs))
  for (const { name } of graph.inputs) live.add(name)
  const initializers = new Map([...graph.initializers].filter(([name]) => live.has(name)))
  const sparse = graph.sparseInitializers?.filter(({ values }) => live.has(values.name))
  const stated = [...graph.valueInfos].filter(([name]) => made.has(name))
  const valueInfos = new Map(stated.filter(([name, { type }]) => holds(type, types.get(name))))
  counter.applied += stated.length - valueInfos.size
  const constants = graph.initializers.size - initializers.size
  counter.applied += constants
  const lostSparse = (graph.sparseInitializers?.length ?? 0) - (sparse?.length ?? 0)
  counter.applied += lostSparse
  if (!changed && constants === 0 && lostSparse === 0 && valueInfos.size === graph.valueInfos.size) return graph
  return { ...graph, nodes, initializers, valueInfos, ...(sparse ? { sparseInitializers: sparse } : {}) }
}

/** Whether a stated shape may be that of the value: inference takes a stated size where it knows none itself. */
function holds(stated: ValueType, inferred: ValueType | undefined): boolean {
  if (stated.kind !== 'tensor' || inferred?.kind !== 'tensor' || !stated.shape || !inferred.shape) return true
  const { shape } = inferred
  return (
    shape.length === stated.shape.length && stated.shape.every((dim, i) => typeof dim !== 'number' || dim === shape[i])
  )
}

function trimOutputs(node: Node, live: ReadonlySet<string>): Node {
  if (node.domain !== '' || !OPTIONAL_OUTPUTS.has(node.opType)) return node
  let length = node.outputs.length
  while (length > 1 && !live.has(node.outputs[length - 1]!)) length--
  return length === node.outputs.length ? node : { ...node, outputs: node.outputs.slice(0, length) }
}
