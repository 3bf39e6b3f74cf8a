import { nestedGraphs } from './attribute.ts'
import type { Graph, Node } from './model.ts'

/** Who makes and who uses each value of a graph. */
export interface GraphIndex {
  /** Where each node stands. */
  readonly place: ReadonlyMap<Node, number>
  /** The node that makes a value; absent for inputs, initializers and values of outer graphs. */
  readonly producer: ReadonlyMap<string, Node>
  /** The nodes that read a value, each once, nested graphs' reads counted as the reads of the node that holds them. */
  readonly consumers: ReadonlyMap<string, readonly Node[]>
  readonly inputs: ReadonlySet<string>
  readonly outputs: ReadonlySet<string>
}

/**
 * The index of one graph, built in time linear in it; graphs inside its nodes have their own. A graph never changes, and
 * most of the passes that look at one leave it as it is: the last ones' are kept.
 */
export function indexGraph(graph: Graph): GraphIndex {
  const known = kept.get(graph)
  if (known) return known
  const index = newIndex(graph)
  kept.set(graph, index)
  latest.push(new WeakRef(graph))
  const oldest = latest.length > KEPT ? latest.shift()!.deref() : undefined
  if (oldest) kept.delete(oldest)
  return index
}

/** A graph with branches and bodies has that many more. */
const KEPT = 8
const kept = new WeakMap<Graph, GraphIndex>()
const latest: WeakRef<Graph>[] = []

function newIndex(graph: Graph): GraphIndex {
  const place = new Map<Node, number>()
  const producer = new Map<string, Node>()
  const consumers = new Map<string, Node[]>()
  for (const [at, node] of graph.nodes.entries()) {
    place.set(node, at)
    for (const name of node.outputs) if (name !== '') producer.set(name, node)
    for (const name of readsOf(node)) {
      const list = consumers.get(name)
      if (list) list.push(node)
      else consumers.set(name, [node])
    }
  }
  return {
    place,
    producer,
    consumers,
    inputs: new Set(graph.inputs.map((value) => value.name)),
    outputs: new Set(graph.outputs.map((value) => value.name)),
  }
}

/** Every value that a node reads, its nested graphs' outer reads included, each once. */
export function readsOf(node: Node): ReadonlySet<string> {
  const known = readsOfNodes.get(node)
  if (known) return known
  const reads = new Set(node.inputs)
  reads.delete('')
  for (const [, graph] of nestedGraphs(node)) for (const name of outerReads(graph)) reads.add(name)
  readsOfNodes.set(node, reads)
  return reads
}

/** A node never changes, and every pass over a graph asks each of its nodes. */
const readsOfNodes = new WeakMap<Node, ReadonlySet<string>>()

/** The values that a nested graph takes from the graphs around it. */
export function outerReads(graph: Graph): ReadonlySet<string> {
  const own = new Set([...graph.inputs.map((value) => value.name), ...graph.initializers.keys()])
  for (const sparse of graph.sparseInitializers ?? []) own.add(sparse.values.name)
  for (const node of graph.nodes) for (const name of node.outputs) own.add(name)
  const reads = new Set<string>()
  for (const node of graph.nodes) for (const name of readsOf(node)) if (!own.has(name)) reads.add(name)
  for (const output of graph.outputs) if (!own.has(output.name)) reads.add(output.name)
  return reads
}

/** The names of all values and nodes of a graph and the graphs inside it: of neither may two share one. */
export function* graphNames(graph: Graph): Generator<string> {
  for (const value of [...graph.inputs, ...graph.outputs]) yield value.name
  yield* graph.initializers.keys()
  for (const sparse of graph.sparseInitializers ?? []) yield sparse.values.name
  for (const node of graph.nodes) {
    if (node.name) yield node.name
    for (const name of node.outputs) yield name
    for (const [, nested] of nestedGraphs(node)) yield* graphNames(nested)
  }
}
