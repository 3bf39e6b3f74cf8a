import { int, type Model, makeNode, type Node, nestedGraphs, type Tensor, type ValueInfo } from '../ir/index.ts'

/** Names of the sums that tell how far a value of one model is from that of the other. */
export interface DifferenceNames {
  /** Σ a². */
  readonly signal: string
  /** Σ (a − b)². */
  readonly noise: string
}

export interface PairedModel {
  readonly model: Model
  readonly namesOf: ReadonlyMap<string, DifferenceNames>
}

/** Over all axes, which are named in no attribute and no input: so the operator is the same in every version. */
const WHOLE = { attributes: { keepdims: int(0) } }
const OTHER = 'whetstone.other/'

/**
 * One model of two that take the same inputs, which gives for each named float value of both what it holds in the first
 * and how far it lies in the second, as sums of squares: none of the values leaves the engine. Weights that the two share
 * stand once. Null where the two cannot stand in one graph: other operator versions, functions, nested graphs.
 *
 * a, b ⇒ d = Sub(a, b), noise = ReduceSumSquare(d), signal = ReduceSumSquare(a). The deepest values' come first, so that
 * the runtime compares each value as soon as both are there (see `withExtremesOf`).
 */
export function pairModels(first: Model, second: Model, names: readonly string[]): PairedModel | null {
  if (first.functions.length > 0 || second.functions.length > 0) return null
  if ([first, second].some(({ graph }) => graph.sparseInitializers?.length || graph.nodes.some(nests))) return null
  const opsets = new Map(first.opsets)
  for (const [domain, version] of second.opsets) {
    if ((opsets.get(domain) ?? version) !== version) return null
    opsets.set(domain, version)
  }
  const ports = new Set(first.graph.inputs.map(({ name }) => name))
  const shared = (tensor: Tensor) => first.graph.initializers.get(tensor.name) === tensor
  const kept = new Set(['', ...ports])
  for (const tensor of second.graph.initializers.values()) if (shared(tensor)) kept.add(tensor.name)
  const renamed = (name: string) => (kept.has(name) ? name : `${OTHER}${name}`)
  const initializers = new Map(first.graph.initializers)
  for (const tensor of second.graph.initializers.values())
    if (!kept.has(tensor.name)) initializers.set(renamed(tensor.name), { ...tensor, name: renamed(tensor.name) })
  const depths = new Map(first.graph.nodes.flatMap(({ outputs }, at) => outputs.map((name) => [name, at] as const)))
  const namesOf = new Map<string, DifferenceNames>()
  const compared = names.map((name, i) => {
    const entry = { signal: `whetstone.signal.${i}`, noise: `whetstone.noise.${i}` }
    const change = `whetstone.change.${i}`
    namesOf.set(name, entry)
    const nodes = [
      makeNode('Sub', [name, renamed(name)], [change]),
      makeNode('ReduceSumSquare', [change], [entry.noise], WHOLE),
      makeNode('ReduceSumSquare', [name], [entry.signal], WHOLE),
    ]
    return { depth: depths.get(name) ?? -1, nodes }
  })
  const graph = {
    ...first.graph,
    nodes: [
      ...first.graph.nodes,
      ...second.graph.nodes.map((node) => ({
        ...node,
        name: node.name === '' ? '' : `${OTHER}${node.name}`,
        inputs: node.inputs.map(renamed),
        outputs: node.outputs.map(renamed),
      })),
      ...compared.sort((a, b) => b.depth - a.depth).flatMap(({ nodes }) => nodes),
    ],
    initializers,
    outputs: [...namesOf.values()]
      .flatMap(({ signal, noise }) => [signal, noise])
      .map((name): ValueInfo => ({ name, type: { kind: 'unknown' } })),
    valueInfos: new Map(),
  }
  return { model: { ...first, opsets, graph }, namesOf }
}

const nests = (node: Node) => !nestedGraphs(node).next().done
