import { allNodes, makeNode } from './attribute.ts'
import { functionKey, functionsByKey, nodesOfCall } from './functions.ts'
import { type Attribute, type Graph, type Model, type ModelFunction, type Node, nodeLabel } from './model.ts'
import { NameSupply } from './name-supply.ts'

/**
 * The model with calls of its own functions replaced by the functions' bodies, inside nested graphs too. Values of a
 * body are named after the call. A call stays, with its function, where the function is written for another version of
 * an operator set than the model imports, or calls itself.
 */
export function inlineFunctions(model: Model): Model {
  if (model.functions.length === 0) return model
  const run: Run = {
    functions: functionsByKey(model),
    opsets: new Map(model.opsets),
    names: new NameSupply(model.graph),
    kept: new Set(),
  }
  const graph = inlineGraph(run, model.graph, [])
  for (const fn of run.kept) keepCallees(run, fn)
  return { ...model, graph, opsets: run.opsets, functions: model.functions.filter((fn) => run.kept.has(fn)) }
}

interface Run {
  readonly functions: ReadonlyMap<string, ModelFunction>
  readonly opsets: Map<string, number>
  readonly names: NameSupply
  readonly kept: Set<ModelFunction>
}

const calledBy = (run: Run, node: Node): ModelFunction | undefined =>
  run.functions.get(functionKey(node.domain, node.opType, node.overload))

/** Functions that a kept function calls are kept as well; the set grows while it is walked. */
function keepCallees(run: Run, fn: ModelFunction): void {
  for (const node of allNodes(fn)) {
    const callee = calledBy(run, node)
    if (callee) run.kept.add(callee)
  }
}

function inlineGraph(run: Run, graph: Graph, stack: readonly ModelFunction[]): Graph {
  return { ...graph, nodes: graph.nodes.flatMap((node) => inlineNode(run, node, stack)) }
}

function inlineNode(run: Run, node: Node, stack: readonly ModelFunction[]): readonly Node[] {
  const inside = mapGraphs(node, (graph) => inlineGraph(run, graph, stack))
  const fn = calledBy(run, node)
  if (!fn) return [inside]
  if (stack.includes(fn) || !agreesOnVersions(run, fn)) {
    run.kept.add(fn)
    return [inside]
  }
  return bodyOf(run, fn, inside).flatMap((inner) => inlineNode(run, inner, [...stack, fn]))
}

/** Domains that only the function imports are imported by the model from now on. */
function agreesOnVersions(run: Run, fn: ModelFunction): boolean {
  for (const [domain, version] of fn.opsets) if ((run.opsets.get(domain) ?? version) !== version) return false
  for (const [domain, version] of fn.opsets) run.opsets.set(domain, version)
  return true
}

/** The body's nodes with the call's operands, names and attributes put in. */
function bodyOf(run: Run, fn: ModelFunction, call: Node): readonly Node[] {
  const prefix = nodeLabel(call)
  const names = new Map<string, string>([['', '']])
  fn.inputs.forEach((name, i) => {
    names.set(name, call.inputs[i] ?? '')
  })
  const copies: Node[] = []
  fn.outputs.forEach((name, i) => {
    const target = call.outputs[i] ?? ''
    if (target === '') return
    // An output that is an input as well, or stands twice, needs a value of its own.
    if (names.has(name)) copies.push(makeNode('Identity', [name], [target]))
    else names.set(name, target)
  })
  const rename = (name: string): string => {
    const known = names.get(name)
    if (known !== undefined) return known
    const fresh = run.names.fresh(`${prefix}/${name}`)
    names.set(name, fresh)
    return fresh
  }
  const renamed = nodesOfCall(fn, call).map((node) => {
    const bound = renameNode(node, rename)
    return bound.name === '' ? bound : { ...bound, name: `${prefix}/${bound.name}` }
  })
  return [...renamed, ...copies.map((copy) => ({ ...copy, inputs: copy.inputs.map(rename) }))]
}

function renameNode(node: Node, rename: (name: string) => string): Node {
  const inside = mapGraphs(node, (graph) => renameGraph(graph, rename))
  return { ...inside, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }
}

/** Every name of a nested graph, its own and those it takes from around it. */
function renameGraph(graph: Graph, rename: (name: string) => string): Graph {
  const value = <T extends { readonly name: string }>(info: T): T => ({ ...info, name: rename(info.name) })
  return {
    ...graph,
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    initializers: new Map([...graph.initializers.values()].map(value).map((tensor) => [tensor.name, tensor])),
    ...(graph.sparseInitializers
      ? { sparseInitializers: graph.sparseInitializers.map((sparse) => ({ ...sparse, values: value(sparse.values) })) }
      : {}),
    valueInfos: new Map([...graph.valueInfos.values()].map(value).map((info) => [info.name, info])),
    nodes: graph.nodes.map((node) => renameNode(node, rename)),
  }
}

/** The node with each graph among its attributes changed; the same object where none changes. */
export function mapGraphs(node: Node, change: (graph: Graph) => Graph): Node {
  let attributes: Map<string, Attribute> | undefined
  for (const [name, attribute] of node.attributes) {
    if (attribute.type === 'graph') {
      const value = change(attribute.value)
      if (value !== attribute.value)
        attributes = (attributes ?? new Map(node.attributes)).set(name, { ...attribute, value })
    } else if (attribute.type === 'graphs') {
      const value = attribute.value.map(change)
      if (value.some((graph, i) => graph !== attribute.value[i]))
        attributes = (attributes ?? new Map(node.attributes)).set(name, { ...attribute, value })
    }
  }
  return attributes ? { ...node, attributes } : node
}
