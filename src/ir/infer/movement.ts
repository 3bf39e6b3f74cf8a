import { intAttribute, intsAttribute } from '../attribute.ts'
import type { Dim, Shape } from '../model.ts'
import { TO_THE_END } from '../slice-bounds.ts'
import {
  broadcast,
  type Call,
  dtypeOf,
  elementsOf,
  has,
  normalAxes,
  normalAxis,
  numbersOf,
  type Outputs,
  type Rule,
  type Rules,
  shapeOf,
  tensor,
  unknownDims,
  withDim,
} from './call.ts'
import { likeFirst } from './elementwise.ts'
import { MAX_FOLLOWED } from './gather.ts'

/** Axes that older operator sets take from an attribute and newer ones from an input. */
function axesOf(call: Call, input: number): readonly number[] | undefined {
  return intsAttribute(call.node, 'axes', undefined) ?? numbersOf(call, input)
}

/** Whether what stands in an attribute or an input is given at all. */
const given = (call: Call, attribute: string, input: number): boolean =>
  call.node.attributes.has(attribute) || has(call, input)

const same = (call: Call, shape: Shape | null, elements?: readonly Dim[]): Outputs => [
  tensor(dtypeOf(call, 0), shape, elements),
]

/** The target's rank where the target itself is not known. */
function targetRank(call: Call): number | undefined {
  const length = shapeOf(call, 1)?.[0]
  return typeof length === 'number' ? length : undefined
}

const reshape: Rule = (call) => {
  const target = intsAttribute(call.node, 'shape', undefined) ?? elementsOf(call, 1)
  const shape = shapeOf(call, 0)
  if (!target) {
    const rank = targetRank(call)
    return same(call, rank === undefined ? null : unknownDims(rank), elementsOf(call, 0))
  }
  const zero = intAttribute(call.node, 'allowzero', 0) === 1
  const dims = target.map((dim, i) => (dim === 0 && !zero ? (shape?.[i] ?? null) : dim))
  return same(
    call,
    dims.map((dim) => (dim === -1 ? remaining(call, shape, dims) : checked(call, dim))),
    elementsOf(call, 0),
  )
}

/** An element that may turn out negative is no dimension yet. */
const checked = (call: Call, dim: Dim): Dim => (call.symbols.isNonNegative(dim) ? dim : null)

/** What -1 stands for: the elements that the other dimensions leave over. */
function remaining({ symbols }: Call, shape: Shape | null, target: readonly Dim[]): Dim {
  if (shape === null) return null
  const others = target.filter((dim) => dim !== -1)
  const from = [...shape]
  const left: Dim[] = []
  // Dimensions that stand on both sides cancel, known or not by size.
  for (const dim of others) {
    const at = dim === null || dim === 0 ? -1 : from.indexOf(dim)
    if (at >= 0) from.splice(at, 1)
    else left.push(dim)
  }
  return symbols.divideExactly(symbols.product(from), symbols.product(left))
}

const flatten: Rule = (call) => {
  const shape = shapeOf(call, 0)
  if (!shape) return same(call, [null, null])
  const axis = intAttribute(call.node, 'axis', 1)
  const at = axis < 0 ? axis + shape.length : axis
  return same(call, [call.symbols.product(shape.slice(0, at)), call.symbols.product(shape.slice(at))])
}

const transpose: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const order = intsAttribute(call.node, 'perm', undefined)
  if (!shape) return same(call, order ? unknownDims(order.length) : null)
  const dims = order ? order.map((axis) => shape[axis] ?? null) : [...shape].reverse()
  return same(call, dims, shape.length < 2 ? elementsOf(call, 0) : undefined)
}

const squeeze: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const elements = elementsOf(call, 0)
  if (!given(call, 'axes', 1)) {
    if (shape?.some((dim) => typeof dim !== 'number')) return same(call, null)
    return same(call, shape?.filter((dim) => dim !== 1) ?? null, elements)
  }
  const axes = axesOf(call, 1)
  if (!shape || !axes) {
    const removed = axes?.length ?? targetRank(call)
    return same(
      call,
      shape && removed !== undefined ? unknownDims(Math.max(0, shape.length - removed)) : null,
      elements,
    )
  }
  const normal = normalAxes(axes, shape.length)
  return same(call, normal ? shape.filter((_, i) => !normal.includes(i)) : null, elements)
}

const unsqueeze: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const axes = axesOf(call, 1)
  const added = axes?.length ?? targetRank(call)
  if (!shape || added === undefined) return same(call, null)
  const rank = shape.length + added
  const normal = axes && normalAxes(axes, rank)
  if (!normal) return same(call, unknownDims(rank))
  const rest = shape[Symbol.iterator]()
  const dims = Array.from({ length: rank }, (_, i) => (normal.includes(i) ? 1 : (rest.next().value ?? null)))
  return same(call, dims, elementsOf(call, 0))
}

const concat: Rule = (call) => {
  const shapes = call.node.inputs.map((_, i) => shapeOf(call, i))
  const known = shapes.find((shape) => shape !== null)
  const axis = known && normalAxis(intAttribute(call.node, 'axis', 1), known.length)
  if (!known || axis === undefined) return [tensor(firstDtype(call), null)]
  const dims = known.map((_, i) =>
    i === axis
      ? call.symbols.sum(shapes.map((shape) => shape?.[i] ?? null))
      : agreed(shapes.map((shape) => shape?.[i] ?? null)),
  )
  const elements = call.node.inputs.map((_, i) => elementsOf(call, i))
  const joined = known.length === 1 && elements.every((list) => list !== undefined) ? elements.flat() : undefined
  return [tensor(firstDtype(call), dims, joined)]
}

const firstDtype = (call: Call) => call.node.inputs.map((_, i) => dtypeOf(call, i)).find((dtype) => dtype !== undefined)

/** One dimension that all statements describe. */
function agreed(dims: readonly Dim[]): Dim {
  return dims.find((dim) => typeof dim === 'number') ?? dims.find((dim) => dim !== null) ?? null
}

const split: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const count = call.node.outputs.length
  const dtype = dtypeOf(call, 0)
  const axis = shape && normalAxis(intAttribute(call.node, 'axis', 0), shape.length)
  if (!shape || axis === null || axis === undefined) return call.node.outputs.map(() => tensor(dtype, null))
  const sizes = given(call, 'split', 1)
    ? (intsAttribute(call.node, 'split', undefined) ?? elementsOf(call, 1))
    : equalParts(call, shape[axis] ?? null, count)
  const elements = shape.length === 1 ? elementsOf(call, 0) : undefined
  let start = 0
  return call.node.outputs.map((_, i) => {
    const size = sizes?.[i] ?? null
    const from = start
    start = typeof size === 'number' ? start + size : Number.NaN
    const part = elements && typeof size === 'number' && !Number.isNaN(from) ? elements.slice(from, start) : undefined
    return tensor(dtype, withDim(shape, axis, checked(call, size)), part)
  })
}

/** Equal parts; since opset 18 the last one is smaller where the division leaves a rest. */
function equalParts({ symbols }: Call, dim: Dim, count: number): readonly Dim[] {
  const part = symbols.divideExactly(dim, count) ?? (typeof dim === 'number' ? symbols.divideUp(dim, count) : null)
  const last = symbols.subtract(dim, symbols.multiply(part, count - 1))
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? last : part))
}

const slice: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const starts = intsAttribute(call.node, 'starts', undefined) ?? elementsOf(call, 1)
  const ends = intsAttribute(call.node, 'ends', undefined) ?? elementsOf(call, 2)
  const hasAxes = given(call, 'axes', 3)
  const count = starts?.length ?? ends?.length ?? targetRank(call)
  const axesGiven = hasAxes ? axesOf(call, 3) : Array.from({ length: count ?? shape?.length ?? 0 }, (_, i) => i)
  const steps = has(call, 4) ? numbersOf(call, 4) : Array<number>(count ?? 0).fill(1)
  const axes = shape && axesGiven && normalAxes(axesGiven, shape.length)
  if (!shape || !axes) return same(call, shape && unknownDims(shape.length))
  const cut = axes.map((axis, i) => slicedDim(call, shape[axis]!, starts?.[i] ?? null, ends?.[i] ?? null, steps?.[i]))
  const dims = shape.map((dim, i) => (axes.includes(i) ? cut[axes.indexOf(i)]! : dim))
  return same(call, dims, slicedElements(call, starts, ends, steps))
}

function slicedElements(
  call: Call,
  starts: readonly Dim[] | undefined,
  ends: readonly Dim[] | undefined,
  steps: readonly number[] | undefined,
): readonly Dim[] | undefined {
  const elements = elementsOf(call, 0)
  const [start, end, step] = [starts?.[0], ends?.[0], steps?.[0]]
  if (!elements || shapeOf(call, 0)?.length !== 1) return undefined
  if (typeof start !== 'number' || typeof end !== 'number' || step === undefined || step === 0) return undefined
  const [from, to] = bounds(elements.length, start, end, step)
  const result: Dim[] = []
  for (let i = from; step > 0 ? i < to : i > to; i += step) result.push(elements[i]!)
  return result
}

function bounds(size: number, start: number, end: number, step: number): readonly [number, number] {
  const clamp = (index: number, low: number, high: number) =>
    Math.min(Math.max(index < 0 ? index + size : index, low), high)
  return step > 0
    ? [clamp(start, 0, size), clamp(end, 0, size)]
    : [clamp(start, 0, size - 1), end < -size ? -1 : clamp(end, -1, size - 1)]
}

function slicedDim({ symbols }: Call, dim: Dim, start: Dim, end: Dim, step: number | undefined): Dim {
  if (step === undefined || step === 0) return null
  if (typeof start === 'number' && typeof end === 'number' && typeof dim === 'number') {
    const [from, to] = bounds(dim, start, end, step)
    return Math.max(0, Math.ceil((to - from) / step))
  }
  // The whole axis, whatever its size; exporters write "to the end" as a very large number.
  const toEnd = typeof end === 'number' && end >= TO_THE_END
  if (step > 0 && start === 0 && toEnd) return symbols.divideUp(dim, step)
  if (step === -1 && start === -1 && typeof end === 'number' && end <= -TO_THE_END) return dim
  const from = fromFront(symbols, start, dim)
  const to = toEnd ? dim : fromFront(symbols, end, dim)
  if (step < 0) return null
  const low = symbols.minimum(from, dim)
  const length = symbols.subtract(symbols.minimum(to, dim), low)
  return symbols.divideUp(symbols.isNonNegative(length) ? length : symbols.maximum(length, 0), step)
}

/** An index that may count from the end, as one from the front; null where that cannot be told. */
function fromFront(symbols: Call['symbols'], index: Dim, dim: Dim): Dim {
  if (symbols.isNonNegative(index)) return index
  if (typeof index !== 'number') return null
  // Counted from the end of an axis that may be shorter than that.
  return symbols.maximum(symbols.add(dim, index), 0)
}

const expand: Rule = (call) => {
  const target = elementsOf(call, 1)
  const rank = targetRank(call)
  const goal = target?.map((dim) => checked(call, dim)) ?? (rank === undefined ? null : unknownDims(rank))
  const shape = broadcast([shapeOf(call, 0), goal])
  const elements = elementsOf(call, 0)
  const length = shape?.length === 1 ? shape[0] : undefined
  const follow = elements?.length === 1 && typeof length === 'number' && length <= MAX_FOLLOWED
  return same(call, shape, follow ? Array<Dim>(length).fill(elements[0]!) : undefined)
}

const tile: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const repeats = elementsOf(call, 1)
  if (!shape) return same(call, null)
  return same(
    call,
    shape.map((dim, i) => (repeats ? call.symbols.multiply(dim, repeats[i] ?? null) : null)),
  )
}

const pad: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const pads =
    intsAttribute(call.node, 'pads', undefined) ??
    intsAttribute(call.node, 'paddings', undefined) ??
    elementsOf(call, 1)
  if (!shape) return same(call, null)
  const axes = has(call, 3) ? numbersOf(call, 3) : shape.map((_, i) => i)
  const normal = axes && normalAxes(axes, shape.length)
  if (!pads || !normal) return same(call, unknownDims(shape.length))
  const { symbols } = call
  return same(
    call,
    shape.map((dim, i) => {
      const at = normal.indexOf(i)
      if (at < 0) return dim
      return symbols.add(dim, symbols.add(pads[at] ?? null, pads[at + normal.length] ?? null))
    }),
  )
}

const blocked =
  (toDepth: boolean): Rule =>
  (call) => {
    const shape = shapeOf(call, 0)
    const block = intAttribute(call.node, 'blocksize', 1)
    if (shape?.length !== 4) return same(call, unknownDims(4))
    const [n, c, h, w] = shape as [Dim, Dim, Dim, Dim]
    const { multiply, divideExactly } = call.symbols
    const fewer = (dim: Dim, by: number) => divideExactly(dim, by)
    const dims = toDepth
      ? [n, multiply(c, block * block), fewer(h, block), fewer(w, block)]
      : [n, fewer(c, block * block), multiply(h, block), multiply(w, block)]
    return same(call, dims)
  }

const centerCropPad: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const target = elementsOf(call, 1)
  if (!shape) return same(call, null)
  const axes = normalAxes(intsAttribute(call.node, 'axes', undefined) ?? shape.map((_, i) => i), shape.length)
  if (!axes) return same(call, unknownDims(shape.length))
  return same(
    call,
    shape.map((dim, i) => (axes.includes(i) ? (target?.[axes.indexOf(i)] ?? null) : dim)),
  )
}

const shape: Rule = (call) => {
  const dims = shapeOf(call, 0)
  if (!dims) return [tensor('int64', [null])]
  const [start, end] = [intAttribute(call.node, 'start', 0), intAttribute(call.node, 'end', Number.MAX_SAFE_INTEGER)]
  const part = dims.slice(start, end)
  return [tensor('int64', [part.length], part)]
}

const size: Rule = (call) => {
  const dims = shapeOf(call, 0)
  return [tensor('int64', [], dims ? [call.symbols.product(dims)] : undefined)]
}

export const movementRules: Rules = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  Slice: slice,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  DepthToSpace: blocked(false),
  SpaceToDepth: blocked(true),
  CenterCropPad: centerCropPad,
  Shape: shape,
  Size: size,
  TensorScatter: likeFirst,
  Crop: (call: Call): Outputs => same(call, shapeOf(call, 0) && unknownDims(4)),
}
