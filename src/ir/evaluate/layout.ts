import { elementCount } from '../tensor.ts'
import { alike, blank, type Cell, cellsOf, EvaluationError, type Nd } from './value.ts'

/** Row-major strides, in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length)
  let step = 1
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = step
    step *= dims[axis]!
  }
  return strides
}

/**
 * Source offsets of a strided view: for each element of `dims` in row-major order, `base + Σ index·stride`. Transpose,
 * Slice, Expand, broadcasting, Split and DepthToSpace are all such views.
 */
export function offsetsOf(dims: readonly number[], strides: readonly number[], base = 0): Int32Array {
  const count = elementCount(dims)
  const offsets = new Int32Array(count)
  const rank = dims.length
  if (count === 0) return offsets
  if (rank === 0) {
    offsets[0] = base
    return offsets
  }
  const inner = dims[rank - 1]!
  const innerStride = strides[rank - 1]!
  const index = new Array<number>(rank).fill(0)
  let start = base
  for (let i = 0; i < count; ) {
    for (let j = 0, at = start; j < inner; j++, at += innerStride) offsets[i++] = at
    for (let axis = rank - 2; axis >= 0; axis--) {
      start += strides[axis]!
      if (++index[axis]! < dims[axis]!) break
      start -= strides[axis]! * dims[axis]!
      index[axis] = 0
    }
  }
  return offsets
}

/** The elements of `value` at `offsets`; an offset of −1 takes `fill`, or zero. */
export function take(value: Nd, dims: readonly number[], offsets: ArrayLike<number>, fill?: Cell): Nd {
  const taken = blank(value, dims)
  const [source, out] = [cellsOf(value), cellsOf(taken)]
  for (let i = 0; i < offsets.length; i++) {
    const offset = offsets[i]!
    if (offset >= source.length) throw new EvaluationError(`element ${offset} of ${source.length}`)
    if (offset >= 0) out[i] = source[offset]!
    else if (fill !== undefined) out[i] = fill
  }
  return taken
}

export const strided = (value: Nd, dims: readonly number[], strides: readonly number[], base = 0): Nd =>
  take(value, dims, offsetsOf(dims, strides, base))

/** The shape that numpy broadcasting gives; shapes that do not fit are an EvaluationError. */
export function broadcastDims(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((dims) => dims.length))
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1
    for (const dims of shapes) {
      const dim = dims[dims.length - rank + axis] ?? 1
      if (dim === 1 || dim === size) continue
      if (size !== 1)
        throw new EvaluationError(`${shapes.map((s) => `[${s.join(',')}]`).join(' and ')} do not broadcast`)
      size = dim
    }
    return size
  })
}

/** Strides that read `dims` as the larger `target`; a repeated axis has stride 0. */
export function broadcastStrides(dims: readonly number[], target: readonly number[]): number[] {
  const own = stridesOf(dims)
  const lead = target.length - dims.length
  if (lead < 0) throw new EvaluationError(`[${dims.join(',')}] does not broadcast to [${target.join(',')}]`)
  return target.map((size, axis) => {
    if (axis < lead || dims[axis - lead] === 1) return 0
    if (dims[axis - lead] !== size)
      throw new EvaluationError(`[${dims.join(',')}] does not broadcast to [${target.join(',')}]`)
    return own[axis - lead]!
  })
}

export const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, axis) => dim === b[axis])

/** `value` broadcast to `dims`, the same value where nothing changes. */
export const broadcastTo = (value: Nd, dims: readonly number[]): Nd =>
  sameDims(value.dims, dims) ? value : strided(value, dims, broadcastStrides(value.dims, dims))

/** The axes in another order; one that is no order of all of them is an EvaluationError. */
export function transposed(value: Nd, permutation: readonly number[]): Nd {
  if (permutation.length !== value.dims.length || new Set(permutation).size !== permutation.length)
    throw new EvaluationError(`permutation [${permutation.join(',')}] of [${value.dims.join(',')}]`)
  const strides = stridesOf(value.dims)
  return strided(
    value,
    permutation.map((axis) => value.dims[axis]!),
    permutation.map((axis) => strides[axis]!),
  )
}

/** A negative axis counts from the end; one outside the rank is an EvaluationError. */
export function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis
  if (!(at >= 0 && at < Math.max(rank, 1))) throw new EvaluationError(`axis ${axis} of rank ${rank}`)
  return at
}

/** Sizes before, at and after an axis: the element (o, i, n) of the axis is at (o·size + i)·inner + n. */
export function around(dims: readonly number[], axis: number): { outer: number; size: number; inner: number } {
  return {
    outer: elementCount(dims.slice(0, axis)),
    size: dims[axis] ?? 1,
    inner: elementCount(dims.slice(axis + 1)),
  }
}

/** Values of equal type joined along an axis. */
export function concatenated(values: readonly Nd[], axis: number): Nd {
  const [first] = values
  if (!first) throw new EvaluationError('nothing to join')
  const dims = first.dims.map((dim, at) => (at === axis ? values.reduce((sum, v) => sum + v.dims[axis]!, 0) : dim))
  alike(...values)
  for (const { dims: other } of values)
    if (other.length !== dims.length || other.some((dim, at) => at !== axis && dim !== dims[at]))
      throw new EvaluationError(`[${other.join(',')}] does not join [${first.dims.join(',')}] on axis ${axis}`)
  const joined = blank(first, dims)
  const out = cellsOf(joined)
  const { outer, inner, size } = around(dims, axis)
  let start = 0
  for (const value of values) {
    const span = value.dims[axis]! * inner
    const source = cellsOf(value)
    for (let o = 0; o < outer; o++) {
      const at = o * size * inner + start
      for (let i = 0; i < span; i++) out[at + i] = source[o * span + i]!
    }
    start += span
  }
  return joined
}

/** The part `[start, start + count)` of an axis. */
export function sliced(value: Nd, axis: number, start: number, count: number): Nd {
  const strides = stridesOf(value.dims)
  const dims = value.dims.map((dim, at) => (at === axis ? count : dim))
  return strided(value, dims, strides, start * strides[axis]!)
}

/** The places of one axis from last to first. */
export function reversedAxis(value: Nd, axis: number): Nd {
  const strides = stridesOf(value.dims)
  const base = Math.max(0, value.dims[axis]! - 1) * strides[axis]!
  return strided(
    value,
    value.dims,
    strides.map((stride, at) => (at === axis ? -stride : stride)),
    base,
  )
}
