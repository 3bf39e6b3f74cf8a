import {
  type Model,
  type Node,
  readsOf,
  type Tensor,
  tensorShape,
  tensorValues,
  type ValueType,
} from '../../ir/index.ts'
import { type Atoms, atomSet } from './atoms.ts'

/** The atoms of an axis; null where its places are not to be removed (rows, places of a picture). */
export type Axis = Int32Array | null
/** The axes of a value, from the outermost in. */
export type Axes = readonly Axis[]

/** A small constant that says how many channels there are: the number at `index` becomes what is left of `atoms`. */
export interface SizeFix {
  readonly node: Node
  readonly input: number
  readonly index: number
  readonly atoms: Int32Array
}

/** A node whose multiply-accumulates shrink with its channels: in proportion to what is left of each list. */
interface Product {
  readonly node: Node
  readonly over: readonly Int32Array[]
}

/** What one pass over the nodes finds out about their channels. */
export interface Trace {
  readonly atoms: Atoms
  /** Axes of values and of weights, by name. */
  readonly axes: Map<string, Axes>
  readonly fixes: SizeFix[]
  readonly products: Product[]
  /** Weights of a grouped convolution: the groups that are left follow from these atoms, one list a group. */
  readonly grouped: Map<Node, readonly Int32Array[]>
  /** Nodes that hold channels in place, with the reason. */
  readonly held: Map<Node, string>
}

/** What a rule may ask and say. */
export interface TraceContext extends Trace {
  /** Version of the standard operators. */
  readonly opset: number
  readonly types: ReadonlyMap<string, ValueType>
  constant(name: string | undefined): Tensor | undefined
  numbers(name: string | undefined): readonly number[] | undefined
  /** Sizes with -1 where one is open; undefined where the rank is. */
  sizes(name: string | undefined): readonly number[] | undefined
  axesOf(name: string): Axes
  set(name: string | undefined, axes: Axes): void
  /** Two axes are one: their places live together, and where one is held so is the other. */
  unite(a: Axis | undefined, b: Axis | undefined): void
  freezeAxis(axis: Axis | undefined): void
  /** Everything that the node reads stays, and what it writes has no channels to remove. */
  hold(node: Node, reason: string): void
}

/** What an operator does with channels. */
export type Rule = (node: Node, trace: TraceContext) => void

/** A trace that knows nothing yet: no axis of a value holds channels until a rule says so. */
export function startTrace({ graph, opsets }: Model, types: ReadonlyMap<string, ValueType>): TraceContext {
  const atoms = atomSet()
  const axes = new Map<string, Axes>()
  const held = new Map<Node, string>()
  const sizes = (name: string | undefined) => {
    const shape = name ? tensorShape(types.get(name)) : null
    return shape?.map((dim) => (typeof dim === 'number' ? dim : -1))
  }
  const constant = (name: string | undefined) => (name ? graph.initializers.get(name) : undefined)
  const axesOf = (name: string): Axes => {
    const known = axes.get(name)
    if (known) return known
    const weight = constant(name)
    const made = weight
      ? weight.dims.map((size) => (size > 1 ? atoms.fresh(size) : null))
      : (sizes(name) ?? []).map(() => null)
    axes.set(name, made)
    return made
  }
  const freezeAxis = (axis: Axis | undefined) => {
    for (const atom of axis ?? []) atoms.freeze(atom)
  }
  return {
    opset: opsets.get('') ?? 1,
    atoms,
    axes,
    fixes: [],
    products: [],
    grouped: new Map(),
    held,
    types,
    constant,
    numbers: (name) => {
      const tensor = constant(name)
      return tensor && tensor.data.form !== 'strings' ? Array.from(tensorValues(tensor), Number) : undefined
    },
    sizes,
    axesOf,
    set: (name, value) => void (name && axes.set(name, value)),
    freezeAxis,
    unite(a, b) {
      if (!a || !b || a.length !== b.length) {
        freezeAxis(a)
        freezeAxis(b)
      } else for (const [i, atom] of a.entries()) atoms.tie(atom, b[i]!)
    },
    hold(node, reason) {
      let matters = false
      for (const name of readsOf(node))
        for (const axis of axesOf(name)) {
          // Its own weights could have been cut, too.
          if (axis && (constant(name)?.dims.length ?? 2) > 1) matters = true
          freezeAxis(axis)
        }
      if (matters) held.set(node, reason)
      for (const name of node.outputs)
        if (name !== '')
          axes.set(
            name,
            (sizes(name) ?? []).map(() => null),
          )
    },
  }
}
