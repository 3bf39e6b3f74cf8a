import { createHash } from 'node:crypto'
import type { Attribute, Graph, Model, ModelFunction, Node, SparseTensor, Tensor } from '../ir/index.ts'
import { nodeLabel, operatorName, tensorBytes } from '../ir/index.ts'

/** As many edits as a person reads; the rest are counted. */
const MOST_NAMED = 20

/** What differs between two models, one sentence an edit, the graph's own order; empty where nothing does. */
export function diffModels(before: Model, after: Model): readonly string[] {
  const edits = [...allEdits(before, after)]
  if (edits.length <= MOST_NAMED) return edits
  return [...edits.slice(0, MOST_NAMED), `and ${edits.length - MOST_NAMED} more edits`]
}

function* allEdits(before: Model, after: Model): Generator<string> {
  for (const domain of new Set([...before.opsets.keys(), ...after.opsets.keys()])) {
    const [from, to] = [before.opsets.get(domain), after.opsets.get(domain)]
    if (from !== to) yield `operator set ${domain || 'ai.onnx'}: ${from ?? 'none'} became ${to ?? 'none'}`
  }
  yield* graphEdits(before.graph, after.graph, '')
  yield* keyed('function', before.functions, after.functions, functionName, (item) => digestOf(functionParts(item)))
  if (before.irVersion !== after.irVersion) yield `IR version: ${before.irVersion} became ${after.irVersion}`
  if (JSON.stringify(before.metadata) !== JSON.stringify(after.metadata)) yield 'the metadata was changed'
}

function* graphEdits(before: Graph, after: Graph, place: string): Generator<string> {
  const ports = (graph: Graph, side: 'inputs' | 'outputs') =>
    graph[side].map((value) => ({ name: value.name, text: plain(value.type) }))
  for (const side of ['inputs', 'outputs'] as const)
    yield* keyed(
      `${place}${side.slice(0, -1)}`,
      ports(before, side),
      ports(after, side),
      ({ name }) => name,
      ({ text }) => text,
    )
  for (const side of ['inputs', 'outputs'] as const)
    if (isReordered(before[side], after[side])) yield `${place}the order of the ${side} was changed`
  yield* keyed(
    `${place}initializer`,
    [...before.initializers.values()],
    [...after.initializers.values()],
    ({ name }) => name,
    tensorDigest,
  )
  yield* keyed(
    `${place}sparse initializer`,
    before.sparseInitializers ?? [],
    after.sparseInitializers ?? [],
    ({ values }) => values.name,
    sparseDigest,
  )
  const old = new Map(before.nodes.map((node) => [keyOf(node), node]))
  const kept = new Set<string>()
  for (const node of after.nodes) {
    const match = old.get(keyOf(node))
    kept.add(keyOf(node))
    if (!match) yield `${place}node ${nodeLabel(node)} (${operatorName(node)}) was added`
    else yield* nodeEdits(match, node, place)
  }
  for (const [key, node] of old)
    if (!kept.has(key)) yield `${place}node ${nodeLabel(node)} (${operatorName(node)}) was removed`
}

/** Whether the same names stand in another order: who takes them by place gets something else. */
function isReordered(before: Graph['inputs'], after: Graph['inputs']): boolean {
  const [from, to] = [before, after].map((values) => values.map(({ name }) => name)) as [string[], string[]]
  return from.join('\0') !== to.join('\0') && from.toSorted().join('\0') === to.toSorted().join('\0')
}

/** Values are assigned once, so the first output names a node. */
const keyOf = (node: Node) => node.outputs.find((name) => name !== '') ?? `${operatorName(node)} ${node.name}`

function* nodeEdits(before: Node, after: Node, place: string): Generator<string> {
  const label = `${place}node ${nodeLabel(after)} (${operatorName(after)})`
  if (operatorName(before) !== operatorName(after)) yield `${label} was ${operatorName(before)}`
  if (before.inputs.join('\0') !== after.inputs.join('\0'))
    yield `${label}: inputs [${before.inputs.join(', ')}] became [${after.inputs.join(', ')}]`
  if (before.outputs.join('\0') !== after.outputs.join('\0')) yield `${label}: outputs were changed`
  for (const name of new Set([...before.attributes.keys(), ...after.attributes.keys()])) {
    const [from, to] = [before.attributes.get(name), after.attributes.get(name)]
    if (from?.type === 'graph' && to?.type === 'graph') yield* graphEdits(from.value, to.value, `${label}, ${name}: `)
    else if (!from || !to) yield `${label}: attribute ${name} was ${from ? 'removed' : 'added'}`
    else if (attributeText(from) !== attributeText(to)) yield `${label}: attribute ${name} was changed`
  }
}

function* keyed<T>(
  what: string,
  before: readonly T[],
  after: readonly T[],
  nameOf: (item: T) => string,
  print: (item: T) => string,
): Generator<string> {
  const old = new Map(before.map((item) => [nameOf(item), item]))
  for (const item of after) {
    const match = old.get(nameOf(item))
    old.delete(nameOf(item))
    if (!match) yield `${what} ${nameOf(item)} was added`
    else if (print(match) !== print(item)) yield `${what} ${nameOf(item)} was changed`
  }
  for (const name of old.keys()) yield `${what} ${name} was removed`
}

function tensorDigest(tensor: Tensor): string {
  const content = tensor.data.form === 'strings' ? tensor.data.values : [tensorBytes(tensor)]
  const hash = createHash('sha256')
  for (const piece of content) hash.update(`${piece.byteLength} `).update(piece)
  return `${tensor.dtype}[${tensor.dims}] ${hash.digest('hex')}`
}

const sparseDigest = ({ values, indices, dims }: SparseTensor) =>
  `${dims} ${tensorDigest(values)} ${tensorDigest(indices)}`

function attributeText(attribute: Attribute): string {
  switch (attribute.type) {
    case 'tensor':
      return tensorDigest(attribute.value)
    case 'tensors':
      return attribute.value.map(tensorDigest).join()
    case 'sparseTensor':
      return sparseDigest(attribute.value)
    case 'sparseTensors':
      return attribute.value.map(sparseDigest).join()
    case 'graph':
      return digestOf(graphParts(attribute.value))
    case 'graphs':
      return attribute.value.map((graph) => digestOf(graphParts(graph))).join()
    case 'undefined':
      return attribute.type
    case 'ref':
      return `${attribute.type} ${attribute.name}`
    default:
      return `${attribute.type} ${plain(attribute.value)}`
  }
}

const functionName = ({ domain, name, overload }: ModelFunction) => [domain, name, overload].filter(Boolean).join('.')
const functionParts = (item: ModelFunction) => [
  item.inputs,
  item.outputs,
  item.attributes,
  [...item.defaults].map(([name, value]) => [name, attributeText(value)]),
  [...item.opsets],
  item.nodes.map(nodeParts),
]
const graphParts = (graph: Graph): unknown => [
  graph.inputs.map((value) => [value.name, plain(value.type)]),
  graph.outputs.map((value) => [value.name, plain(value.type)]),
  [...graph.initializers.values()].map((tensor) => [tensor.name, tensorDigest(tensor)]),
  (graph.sparseInitializers ?? []).map((sparse) => [sparse.values.name, sparseDigest(sparse)]),
  graph.nodes.map(nodeParts),
]
const nodeParts = (node: Node): unknown => [
  operatorName(node),
  node.inputs,
  node.outputs,
  [...node.attributes].map(([name, value]) => [name, attributeText(value)]),
]

const digestOf = (value: unknown) => createHash('sha256').update(plain(value)).digest('hex')

/** JSON of a value that may hold big integers and bytes; what only the reader of files understands is left out. */
function plain(value: unknown): string {
  return JSON.stringify(value, (key, item) =>
    key === 'kept' ? undefined : typeof item === 'bigint' ? `${item}n` : item instanceof Uint8Array ? [...item] : item,
  )
}
