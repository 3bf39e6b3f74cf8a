import {
  type Attribute,
  elementType,
  fromNumbers,
  type Graph,
  int,
  ints as intsOf,
  isFloating,
  makeNode,
  NameSupply,
  type Node,
  type Tensor,
  tensorOf,
} from '../../ir/index.ts'
import { type ValueFacts, valueFacts, type WriterSource } from './value-facts.ts'

export type Attributes = Readonly<Record<string, Attribute>>

/**
 * Appends nodes to a graph. Every method gives the name of the value that it makes; asking twice for the same node or
 * constant gives the same value. Facts (`shape`, `dtype`, …) are known of the values of the graph as it was, not of
 * what is written.
 */
export interface GradientWriter extends ValueFacts {
  /** What was written, in order. */
  readonly nodes: readonly Node[]
  readonly constants: ReadonlyMap<string, Tensor>
  /** A node of one output; operators of another domain are spelled with it (`com.microsoft.Gelu`). */
  op(opType: string, inputs: readonly string[], attributes?: Attributes): string
  /** A node with several outputs. */
  ops(opType: string, inputs: readonly string[], outputs: number, attributes?: Attributes): readonly string[]
  add(a: string, b: string): string
  sub(a: string, b: string): string
  mul(a: string, b: string): string
  div(a: string, b: string): string
  neg(a: string): string
  /** `g` where the condition holds, else 0; `like` is a value of `g`'s element type. */
  where(condition: string, g: string, like: string): string
  /** A scalar of the floating type that the gradient of `like` has. */
  number(value: number, like: string): string
  /** An int64 vector. */
  ints(values: readonly number[]): string
  int(value: number): string
  tensor(tensor: Tensor): string
  reduceSum(x: string, axes: readonly number[], keep: boolean): string
  reduceMean(x: string, axes: readonly number[]): string
  /** `x` in the shape of `like`. */
  reshapeLike(x: string, like: string): string
  reshape(x: string, shape: readonly number[]): string
  transpose(x: string, perm: readonly number[]): string
  /** The last two axes exchanged. */
  transposeLast(x: string, rank: number): string
  zerosLike(value: string): string
  /** The shape of a value as an int64 vector: a constant where every size is known. */
  sizes(value: string): string
  /** One size of a value as an int64 vector of one element. */
  size(value: string, axis: number): string
  /** The value in the floating type of its gradient: itself, or a cast of an integer. */
  floating(value: string): string
  fresh(hint: string): string
}

/** A writer over a graph whose values have these types; names that it makes begin with `prefix`. */
export function gradientWriter(source: WriterSource, prefix: string): GradientWriter {
  const facts = valueFacts(source)
  const { dtype, shape } = facts
  const { stored, ...written } = nodeWriter(source.graph, prefix)
  const { op } = written

  const ints = (values: readonly number[]) => stored(`ints ${values}`, () => tensorOf('int64', [values.length], values))
  const number = (value: number, like: string) =>
    stored(`${dtype(like)} ${value}`, () => fromNumbers(dtype(like), [], [value]))
  const sizes = (value: string): string => {
    const dims = shape(value)
    return dims?.every((dim) => typeof dim === 'number') ? ints(dims as number[]) : op('Shape', [value])
  }
  const reshape = (x: string, dims: readonly number[]) => op('Reshape', [x, ints(dims)])
  const transpose = (x: string, perm: readonly number[]) =>
    perm.every((axis, i) => axis === i) ? x : op('Transpose', [x], { perm: intsOf(perm) })

  return {
    ...facts,
    ...written,
    add: (a, b) => op('Add', [a, b]),
    sub: (a, b) => op('Sub', [a, b]),
    mul: (a, b) => op('Mul', [a, b]),
    div: (a, b) => op('Div', [a, b]),
    neg: (a) => op('Neg', [a]),
    where: (condition, g, like) => op('Where', [condition, g, number(0, like)]),
    number,
    ints,
    int: (value) => stored(`int ${value}`, () => tensorOf('int64', [], [value])),
    tensor: (tensor) => stored(`tensor ${written.constants.size}`, () => tensor),
    reduceSum: (x, axes, keep) =>
      axes.length === 0 ? x : op('ReduceSum', [x, ints(axes)], { keepdims: int(keep ? 1 : 0) }),
    reduceMean: (x, axes) => op('ReduceMean', [x, ints(axes)]),
    reshape,
    reshapeLike(x, like) {
      const dims = shape(like)
      const open = dims?.filter((dim) => typeof dim !== 'number').length ?? 2
      // One size may be left to Reshape, unless others are 0 and nothing tells it.
      const inferred = dims && open <= 1 && !dims.includes(0)
      if (!inferred) return op('Reshape', [x, sizes(like)])
      return reshape(
        x,
        dims.map((dim) => (typeof dim === 'number' ? dim : -1)),
      )
    },
    transpose,
    transposeLast: (x, rank) => transpose(x, [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2]),
    zerosLike: (value) =>
      op('ConstantOfShape', [sizes(value)], { value: { type: 'tensor', value: fromNumbers(dtype(value), [1], [0]) } }),
    sizes,
    size(value, axis) {
      const dim = shape(value)?.at(axis)
      if (typeof dim === 'number') return ints([dim])
      return op('Shape', [value], { start: int(axis), ...(axis === -1 ? {} : { end: int(axis + 1) }) })
    },
    floating: (value) =>
      isFloating(facts.storedType(value)) ? value : op('Cast', [value], { to: elementType('float32') }),
  }
}

/** Nodes and constants behind a graph, each written once. */
function nodeWriter(graph: Graph, prefix: string) {
  const supply = new NameSupply(graph)
  const nodes: Node[] = []
  const constants = new Map<string, Tensor>()
  const known = new Map<string, readonly string[]>()

  const fresh = (hint: string) => supply.fresh(hint)
  const ops = (opType: string, given: readonly string[], outputs: number, attributes: Attributes = {}) => {
    const key = JSON.stringify([opType, given, outputs, Object.entries(attributes)], (_, part) =>
      typeof part === 'bigint' ? `${part}n` : part,
    )
    const before = known.get(key)
    if (before) return before
    const names = Array.from({ length: outputs }, () => fresh(`${prefix}${opType}`))
    const dot = opType.lastIndexOf('.')
    const options = { name: names[0]!, attributes, domain: opType.slice(0, Math.max(dot, 0)) }
    nodes.push(makeNode(opType.slice(dot + 1), given, names, options))
    known.set(key, names)
    return names
  }
  const op = (opType: string, given: readonly string[], attributes?: Attributes): string =>
    ops(opType, given, 1, attributes)[0]!
  const stored = (key: string, make: () => Tensor): string => {
    const before = known.get(key)
    if (before) return before[0]!
    const name = fresh(`${prefix}constant`)
    constants.set(name, { ...make(), name })
    known.set(key, [name])
    return name
  }
  return { nodes, constants, fresh, ops, op, stored }
}
