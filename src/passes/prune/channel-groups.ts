import { inferTypes, type Model, nodeLabel, nodeMacs, type ValueType } from '../../ir/index.ts'
import { startTrace, type Trace } from './trace.ts'
import { traceNode } from './trace-rules.ts'

/** Where a channel lives: places on an axis of a weight or of a value. */
export interface Home {
  readonly name: string
  readonly axis: number
  readonly places: readonly number[]
}

/** One channel with everything that depends on it. */
export interface CoupledChannel {
  readonly weights: readonly Home[]
  readonly values: readonly Home[]
}

/** Channels that lie in the same weights: any of them may be removed, each whole, as long as one is left. */
export interface ChannelGroup {
  /** Stable name within the model: the first weight with the axis. */
  readonly id: string
  /** Labels of the nodes that own the weights. */
  readonly nodes: readonly string[]
  readonly channels: readonly CoupledChannel[]
}

/** A node's multiply-accumulates, and per group how its channels share in them. */
interface ProductCost {
  readonly macs: number
  /** One entry for each list of channels that the cost is in proportion to: how many of each group's lie in it. */
  readonly over: readonly { readonly size: number; readonly shares: ReadonlyMap<string, ReadonlyMap<number, number>> }[]
}

/** The channels of a model that can go, and what its products would cost without them. */
export interface PrunableChannels {
  readonly groups: readonly ChannelGroup[]
  readonly costs: readonly ProductCost[]
  /** Multiply-accumulates of the nodes that are not followed. */
  readonly otherMacs: number
  /** Nodes that hold channels in place. */
  readonly held: readonly { readonly node: string; readonly reason: string }[]
  readonly trace: Trace
  /** The class of each channel, by group. */
  readonly roots: ReadonlyMap<string, readonly number[]>
}

/**
 * Which channels of a model can be removed, and what goes with each: found from the graph alone, through residual
 * additions, concatenations, depthwise and grouped convolutions, gates and flattening. Inputs and outputs keep theirs.
 * `shapes` are types with rows set to a number, for the cost.
 */
export function channelGroups(model: Model, shapes?: ReadonlyMap<string, ValueType>): PrunableChannels {
  const { graph } = model
  const trace = startTrace(model, inferTypes(model))
  for (const { name } of graph.inputs)
    if (!graph.initializers.has(name))
      trace.set(
        name,
        (trace.sizes(name) ?? []).map(() => null),
      )
  for (const node of graph.nodes) traceNode(node, trace)
  for (const { name } of graph.outputs) for (const axis of trace.axesOf(name)) trace.freezeAxis(axis)

  const homes = homesOf(trace)
  const costed = new Set(trace.products.flatMap(({ over }) => over.flatMap((axis) => [...axis].map(trace.atoms.find))))
  const byKey = new Map<string, { roots: number[]; channels: CoupledChannel[] }>()
  for (const [root, list] of homes) {
    if (trace.atoms.isFrozen(root) || !costed.has(root)) continue
    const weights = list.filter(({ name }) => graph.initializers.has(name))
    const channel = { weights, values: list.filter(({ name }) => !graph.initializers.has(name)) }
    if (weights.length === 0) continue
    const key = weights.map(({ name, axis }) => `${name}:${axis}`).join('\n')
    const group = byKey.get(key) ?? { roots: [], channels: [] }
    group.roots.push(root)
    group.channels.push(channel)
    byKey.set(key, group)
  }
  const owners = new Map<string, string[]>()
  for (const node of graph.nodes)
    for (const name of node.inputs)
      if (graph.initializers.has(name)) owners.set(name, [...(owners.get(name) ?? []), nodeLabel(node)])
  const ids = new Map<string, number>()
  const groups: ChannelGroup[] = []
  const roots = new Map<string, readonly number[]>()
  for (const { roots: own, channels } of byKey.values()) {
    const [first] = channels[0]!.weights
    const base = `${first!.name}:${first!.axis}`
    const count = ids.get(base) ?? 0
    ids.set(base, count + 1)
    const id = count === 0 ? base : `${base}:${count}`
    const nodes = [...new Set(channels[0]!.weights.flatMap(({ name }) => owners.get(name) ?? []))]
    groups.push({ id, nodes, channels })
    roots.set(id, own)
  }
  return {
    groups,
    ...costsOf(model, trace, roots, shapes ?? inferTypes(model)),
    held: [...trace.held].map(([node, reason]) => ({ node: nodeLabel(node), reason })),
    trace,
    roots,
  }
}

function homesOf(trace: Trace): ReadonlyMap<number, readonly Home[]> {
  const homes = new Map<number, Home[]>()
  for (const [name, axes] of trace.axes)
    for (const [axis, atoms] of axes.entries())
      placesOf(atoms ?? [], trace).forEach((places, root) => {
        const own = homes.get(root)
        if (own) own.push({ name, axis, places })
        else homes.set(root, [{ name, axis, places }])
      })
  return homes
}

/** The places of each class on an axis. */
function placesOf(atoms: ArrayLike<number>, trace: Trace): ReadonlyMap<number, readonly number[]> {
  const byRoot = new Map<number, number[]>()
  for (let place = 0; place < atoms.length; place++) {
    const root = trace.atoms.find(atoms[place]!)
    const places = byRoot.get(root)
    if (places) places.push(place)
    else byRoot.set(root, [place])
  }
  return byRoot
}

function costsOf(
  model: Model,
  trace: Trace,
  roots: ReadonlyMap<string, readonly number[]>,
  shapes: ReadonlyMap<string, ValueType>,
): Pick<PrunableChannels, 'costs' | 'otherMacs'> {
  const place = new Map<number, readonly [group: string, channel: number]>()
  for (const [group, own] of roots) for (const [i, root] of own.entries()) place.set(root, [group, i])
  const followed = new Map(trace.products.map((product) => [product.node, product]))
  let otherMacs = 0
  const costs: ProductCost[] = []
  for (const node of model.graph.nodes) {
    const macs = nodeMacs(node, shapes) ?? 0
    const product = followed.get(node)
    if (!product) {
      otherMacs += macs
      continue
    }
    const over = product.over.map((atoms) => {
      const shares = new Map<string, Map<number, number>>()
      for (const atom of atoms) {
        const at = place.get(trace.atoms.find(atom))
        if (!at) continue
        const own = shares.get(at[0]) ?? new Map<number, number>()
        own.set(at[1], (own.get(at[1]) ?? 0) + 1)
        shares.set(at[0], own)
      }
      return { size: atoms.length, shares }
    })
    costs.push({ macs, over })
  }
  return { costs, otherMacs }
}

/** Channels to remove, by group: their places in the group. */
export type Removal = ReadonlyMap<string, ReadonlySet<number>>

/** Multiply-accumulates that are left when these channels are removed. */
export function macsAfter({ costs, otherMacs }: PrunableChannels, removal: Removal): number {
  let sum = otherMacs
  for (const { macs, over } of costs) {
    let left = macs
    for (const { size, shares } of over) {
      let gone = 0
      for (const [group, own] of shares) for (const channel of removal.get(group) ?? []) gone += own.get(channel) ?? 0
      left *= 1 - gone / size
    }
    sum += left
  }
  return sum
}

/** Multiply-accumulates that removing one channel alone saves, by group. */
export function savings(channels: PrunableChannels): ReadonlyMap<string, Float64Array> {
  const saved = new Map(channels.groups.map(({ id, channels: own }) => [id, new Float64Array(own.length)]))
  for (const { macs, over } of channels.costs)
    for (const { size, shares } of over)
      for (const [group, own] of shares)
        for (const [channel, count] of own) saved.get(group)![channel]! += (macs * count) / size
  return saved
}
