import {
  type Graph,
  inferTypes,
  type Model,
  type Node,
  readsOf,
  tensorDtype,
  type ValueInfo,
  type ValueType,
} from '../../../ir/index.ts'

/** A part of a model between two values that everything behind its weights passes through. */
export interface ReconstructionBlock {
  /** The value that it starts from; null where it starts from the model's inputs. */
  readonly input: string | null
  readonly outputs: readonly string[]
  /** Of the weights asked for, those that it holds. */
  readonly weights: readonly string[]
}

/**
 * The model in parts to reconstruct one after another: a chain of layers is cut behind each weighted layer and what
 * follows it directly, a residual block is one part. `weights` are initializers; a part holds at least one of them.
 *
 * A value is a cut where it is the only float that depends on a weight so far and is still to be read. Values that
 * depend on no weight (masks, positions) are computed again in each part. Source: Li et al. 2021, "BRECQ".
 */
export function reconstructionBlocks(model: Model, weights: ReadonlySet<string>): readonly ReconstructionBlock[] {
  const { graph } = model
  const types = inferTypes(model)
  const isFloat = (name: string) => tensorDtype(types.get(name)) === 'float32'
  const waiting = new Map<string, number>()
  for (const node of graph.nodes) for (const name of readsOf(node)) waiting.set(name, (waiting.get(name) ?? 0) + 1)
  const held = new Map<string, readonly string[]>()
  const live = new Set<string>()
  const dependent = new Set<string>()
  const blocks: ReconstructionBlock[] = []
  let [input, cut]: [string | null, string | null] = [null, null]
  let pending: string[] = []
  for (const node of graph.nodes) {
    const reads = [...readsOf(node)]
    // Weights may come through a node of their own, such as a Transpose.
    const own = reads.flatMap((name) => (weights.has(name) ? [name] : (held.get(name) ?? [])))
    const activation = reads.some((name) => !weights.has(name) && !held.has(name) && !graph.initializers.has(name))
    if (own.length > 0 && !activation) {
      for (const name of node.outputs) held.set(name, own)
      continue
    }
    if (own.length > 0 && pending.length > 0 && cut !== null) {
      blocks.push({ input, outputs: [cut], weights: pending })
      ;[input, cut, pending] = [cut, null, []]
    }
    pending.push(...own)
    const behind = own.length > 0 || reads.some((name) => dependent.has(name))
    for (const name of reads) {
      const left = waiting.get(name)! - 1
      waiting.set(name, left)
      if (left === 0) live.delete(name)
    }
    if (!behind) continue
    for (const name of node.outputs)
      if (name !== '' && isFloat(name)) {
        dependent.add(name)
        if ((waiting.get(name) ?? 0) > 0) live.add(name)
      }
    if (live.size === 1 && pending.length > 0) cut = [...live][0]!
  }
  if (pending.length === 0) return blocks
  const outputs = graph.outputs.map(({ name }) => name).filter((name) => isFloat(name) && dependent.has(name))
  const last = outputs.filter((name) => !isBefore(model, name, input))
  return last.length > 0 ? [...blocks, { input, outputs: last, weights: pending }] : blocks
}

/** Whether the value is there without what starts at `input`. */
function isBefore(model: Model, name: string, input: string | null): boolean {
  return input !== null && !slice(model, input, [name]).some((node) => readsOf(node).has(input)) && name !== input
}

/** The nodes that these values need, `input` being given. */
function slice({ graph }: Model, input: string | null, outputs: readonly string[]): readonly Node[] {
  const wanted = new Set(outputs)
  const nodes: Node[] = []
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name) && name !== input)) continue
    for (const name of readsOf(node)) wanted.add(name)
    nodes.push(node)
  }
  return nodes.reverse()
}

/** The part of a model, which has the values' names, as a model of its own; `type` is that of the value it starts from. */
export function blockModel(
  model: Model,
  { input, outputs }: ReconstructionBlock,
  types: ReadonlyMap<string, ValueType>,
): Model {
  const nodes = slice(model, input, outputs)
  const read = new Set(nodes.flatMap((node) => [...readsOf(node)]))
  const info = (name: string): ValueInfo => ({ name, type: types.get(name) ?? { kind: 'unknown' } })
  const { graph } = model
  const result: Graph = {
    ...graph,
    nodes,
    inputs: [
      ...graph.inputs.filter(({ name }) => read.has(name)),
      ...(input === null || !read.has(input) ? [] : [info(input)]),
    ],
    outputs: outputs.map(info),
    initializers: new Map([...graph.initializers].filter(([name]) => read.has(name))),
    valueInfos: new Map(),
  }
  return { ...model, graph: result }
}
