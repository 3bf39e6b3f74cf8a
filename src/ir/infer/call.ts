import type { DType } from '../dtype.ts'
import type { Dim, Graph, Node, Shape, ValueType } from '../model.ts'
import type { Tensor } from '../tensor.ts'
import { tensorDtype, tensorShape } from '../value-type.ts'
import type { Symbols } from './symbols.ts'

/** What inference knows of a value. */
export interface Known {
  readonly type: ValueType
  /** The elements in row-major order, of small tensors that depend only on shapes and constants. */
  readonly elements?: readonly Dim[]
}

/** One operator call as a rule sees it. */
export interface Call {
  readonly node: Node
  /** Version of the node's operator set. */
  readonly opset: number
  readonly inputs: readonly (Known | undefined)[]
  readonly symbols: Symbols
  /** The constant behind an input, whatever its size. */
  constant(index: number): Tensor | undefined
  /** Infers a nested graph whose inputs are these, and says what its outputs are. */
  graph(graph: Graph, inputs: readonly (Known | undefined)[]): readonly (Known | undefined)[]
}

/** What a rule knows of each output; fewer, or undefined among them, where it has no opinion. */
export type Outputs = readonly (Known | undefined)[]
/** Infers the outputs of one operator from what is known of a call. */
export type Rule = (call: Call) => Outputs
/** By operator, as `operatorName` writes it. */
export type Rules = Readonly<Record<string, Rule>>

export const typeOf = (call: Call, index: number): ValueType | undefined => call.inputs[index]?.type

/** The element type of an input; undefined where it is unknown or no tensor. */
export function dtypeOf(call: Call, index: number): DType | undefined {
  return tensorDtype(typeOf(call, index))
}

/** The shape, or null where even the rank is unknown. */
export function shapeOf(call: Call, index: number): Shape | null {
  return tensorShape(typeOf(call, index))
}

export const elementsOf = (call: Call, index: number): readonly Dim[] | undefined => call.inputs[index]?.elements

/** The elements where every one is a number. */
export function numbersOf(call: Call, index: number): readonly number[] | undefined {
  const elements = elementsOf(call, index)
  return elements?.every((element) => typeof element === 'number') ? elements : undefined
}

/** Whether the input is given; an omitted optional one is ''. */
export const has = (call: Call, index: number): boolean => (call.node.inputs[index] ?? '') !== ''

/** A tensor of this type; undefined where the element type is not known. */
export function tensor(dtype: DType | undefined, shape: Shape | null, elements?: readonly Dim[]): Known | undefined {
  if (dtype === undefined) return undefined
  return { type: { kind: 'tensor', dtype, shape }, ...(elements === undefined ? {} : { elements }) }
}

export const unknownDims = (rank: number): Shape => Array<Dim>(rank).fill(null)

/** An axis counted from the front, or undefined where it lies outside. */
export function normalAxis(axis: number, rank: number): number | undefined {
  const normal = axis < 0 ? axis + rank : axis
  return normal >= 0 && normal < rank ? normal : undefined
}

/** Axes counted from the front; undefined where one lies outside. */
export function normalAxes(axes: readonly number[], rank: number): readonly number[] | undefined {
  const normal = axes.map((axis) => normalAxis(axis, rank))
  return normal.includes(undefined) ? undefined : (normal as number[])
}

/** The shape with one dimension replaced. */
export const withDim = (shape: Shape, axis: number, dim: Dim): Shape => shape.map((old, i) => (i === axis ? dim : old))

/** NumPy's broadcasting, right-aligned; null where a rank is unknown. */
export function broadcast(shapes: readonly (Shape | null)[]): Shape | null {
  if (shapes.some((shape) => shape === null)) return null
  const known = shapes as readonly Shape[]
  const rank = Math.max(0, ...known.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, i) =>
    known.reduce<Dim>((dim, shape) => broadcastDim(dim, shape[i - rank + shape.length] ?? missing(shape, i, rank)), 1),
  )
}

/** A shape that is too short counts as 1 there; a dimension of unknown size stays unknown. */
const missing = (shape: Shape, i: number, rank: number): Dim => (i - rank + shape.length < 0 ? 1 : null)

function broadcastDim(a: Dim, b: Dim): Dim {
  if (a === 1 || a === b) return b
  if (b === 1) return a
  // A size above 1 settles it: whatever the other is, it must be 1 or the same.
  if (typeof a === 'number') return a
  if (typeof b === 'number') return b
  return isCutOff(a, b) ? b : isCutOff(b, a) ? a : null
}

/** Whether `a` is `b` cut off at a number, as a mask that was cut out of a larger one: beyond it the two do not fit. */
function isCutOff(a: Dim, b: Dim): boolean {
  const [, limit, rest] = (typeof a === 'string' && /^min\((\d+),(.+)\)$/.exec(a)) || []
  return rest !== undefined && rest === b && Number(limit) > 1
}

/** What holds whichever of the two types a value has. */
export function commonType(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (!a || !b) return undefined
  if ((a.kind === 'tensor' || a.kind === 'sparse') && a.kind === b.kind) {
    if (a.dtype !== b.dtype) return undefined
    return { kind: a.kind, dtype: a.dtype, shape: commonShape(a.shape, b.shape) }
  }
  if ((a.kind === 'sequence' || a.kind === 'optional') && a.kind === b.kind)
    return { kind: a.kind, elem: a.elem && b.elem ? (commonType(a.elem, b.elem) ?? null) : null }
  return a.kind === 'map' && b.kind === 'map' && a.key === b.key ? a : undefined
}

function commonShape(a: Shape | null, b: Shape | null): Shape | null {
  if (a === null || b === null || a.length !== b.length) return null
  return a.map((dim, i) => (dim === b[i] ? dim : null))
}
