import {
  hasNestedGraphs,
  inferTypes,
  int,
  type Model,
  makeNode,
  type Node,
  type Tensor,
  tensorShape,
} from '../ir/index.ts'

/** One number of an output: which of its elements. */
export interface Place {
  readonly output: string
  readonly at: number
}

/** The sums that tell how far a value of one model is from that of the other. */
interface DifferencePlaces {
  /** Σ a². */
  readonly signal: Place
  /** Σ (a − b)². */
  readonly noise: Place
}

interface PairedModel {
  readonly model: Model
  readonly placesOf: ReadonlyMap<string, DifferencePlaces>
}

/** Over all axes, which are named in no attribute and no input: so the operator is the same in every version. */
const sumOfSquares = (value: string, sum: string, keepdims: boolean) =>
  makeNode('ReduceSumSquare', [value], [sum], { attributes: { keepdims: int(keepdims ? 1 : 0) } })

/** Values whose sums share an output. */
const SHARED = 4
const OTHER = 'whetstone.other/'

/**
 * One model of two that take the same inputs, which gives for each named float value of both what it holds in the first
 * and how far it lies in the second, as sums of squares: none of the values leaves the engine. Weights that the two share
 * stand once. Null where the two cannot stand in one graph: other operator versions, functions, nested graphs.
 *
 * a, b ⇒ d = Sub(a, b), noise = ReduceSumSquare(d), signal = ReduceSumSquare(a), and the sums of a few values of one rank
 * in one output. The comparisons of an output stand behind its values, those of the deepest first, and the nodes of the
 * two models by turns: while it loads a model, the runtime sorts it some hundred times with a list of the nodes that could
 * be next, which it walks through for every node (yolox-nano in float and in integers, 360 values: 0.95 s, and 0.55 s so).
 * The outputs stand last, those of the deepest values first, so that values are compared as soon as they are there (see
 * `withExtremesOf`).
 */
export function pairModels(first: Model, second: Model, names: readonly string[]): PairedModel | null {
  if (first.functions.length > 0 || second.functions.length > 0) return null
  if ([first, second].some(({ graph }) => graph.sparseInitializers?.length || graph.nodes.some(hasNestedGraphs)))
    return null
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
  const other = second.graph.nodes.map((node) => ({
    ...node,
    name: node.name === '' ? '' : `${OTHER}${node.name}`,
    inputs: node.inputs.map(renamed),
    outputs: node.outputs.map(renamed),
  }))
  const merged = byTurns(first.graph.nodes, other, (output) => output.slice(OTHER.length))
  const { nodes, outputs, placesOf } = withComparisons(first, merged, names, renamed)
  const graph = {
    ...first.graph,
    nodes,
    initializers,
    outputs: outputs.map((name) => ({ name, type: { kind: 'unknown' } as const })),
    // Sizes that a file states are needed where the runtime infers others, as of caches that grow.
    valueInfos: new Map([
      ...first.graph.valueInfos,
      ...[...second.graph.valueInfos].map(([name, info]) => [renamed(name), { ...info, name: renamed(name) }] as const),
    ]),
  }
  return { model: { ...first, opsets, graph }, placesOf }
}

/** The nodes of both in one order, that of each kept: what makes a value of both stands near its counterpart. */
function byTurns(first: readonly Node[], second: readonly Node[], counterpart: (output: string) => string): Node[] {
  const places = placesIn(first)
  const merged: Node[] = []
  let taken = 0
  for (const node of second) {
    const until = Math.max(-1, ...node.outputs.map((output) => places.get(counterpart(output)) ?? -1))
    while (taken <= until) merged.push(first[taken++]!)
    merged.push(node)
  }
  return [...merged, ...first.slice(taken)]
}

const placesIn = (nodes: readonly Node[]) =>
  new Map(nodes.flatMap(({ outputs }, at) => outputs.map((name) => [name, at] as const)))

/** An output with the sums of a few values, made at the end of the graph. */
interface Gathered {
  readonly output: string
  readonly sums: string[]
  /** What makes the sums, those of the deepest value first: so the runtime compares values in the order they come. */
  comparisons: readonly Node[]
  /** Where the last of its values is made. */
  last: number
}

/** The nodes with a comparison of each name behind its two values, and what is handed out. */
function withComparisons(
  first: Model,
  nodes: readonly Node[],
  names: readonly string[],
  renamed: (name: string) => string,
): { readonly nodes: Node[]; readonly outputs: string[]; readonly placesOf: Map<string, DifferencePlaces> } {
  const types = inferTypes(first)
  const places = placesIn(nodes)
  const at = (name: string) => Math.max(places.get(name) ?? -1, places.get(renamed(name)) ?? -1)
  const behind = new Map<number, Node[]>()
  const ends: { readonly last: number; readonly nodes: readonly Node[] }[] = []
  const gathered: Gathered[] = []
  const open = new Map<number, Gathered>()
  const placesOf = new Map<string, DifferencePlaces>()
  for (const [i, name] of names.map((name, i) => [i, name] as const).sort((a, b) => at(a[1]) - at(b[1]))) {
    const [signal, noise, change] = [`whetstone.signal.${i}`, `whetstone.noise.${i}`, `whetstone.change.${i}`]
    const rank = tensorShape(types.get(name))?.length ?? 0
    const comparison = [
      makeNode('Sub', [name, renamed(name)], [change]),
      sumOfSquares(change, noise, rank > 0),
      sumOfSquares(name, signal, rank > 0),
    ]
    if (rank === 0) {
      // A sum without axes cannot be joined to others.
      ends.push({ last: at(name), nodes: comparison })
      placesOf.set(name, { signal: { output: signal, at: 0 }, noise: { output: noise, at: 0 } })
      continue
    }
    let group = open.get(rank)
    if (!group || group.sums.length === 2 * SHARED) {
      group = { output: `whetstone.sums.${gathered.length}`, sums: [], comparisons: [], last: -1 }
      gathered.push(group)
      open.set(rank, group)
    }
    const { output, sums } = group
    placesOf.set(name, { signal: { output, at: sums.length }, noise: { output, at: sums.length + 1 } })
    sums.push(signal, noise)
    group.comparisons = [...comparison, ...group.comparisons]
    group.last = at(name)
  }
  for (const { output, sums, comparisons, last } of gathered) {
    behind.set(last, [...(behind.get(last) ?? []), ...comparisons])
    ends.push({ last, nodes: [makeNode('Concat', sums, [output], { attributes: { axis: int(0) } })] })
  }
  return {
    nodes: [
      ...(behind.get(-1) ?? []),
      ...nodes.flatMap((node, i) => [node, ...(behind.get(i) ?? [])]),
      ...ends.sort((a, b) => b.last - a.last).flatMap((end) => end.nodes),
    ],
    outputs: [...new Set([...placesOf.values()].flatMap(({ signal, noise }) => [signal.output, noise.output]))],
    placesOf,
  }
}
