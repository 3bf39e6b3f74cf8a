import { elementCount } from '../tensor.ts'
import { type Call, input, intOf, type Kernels, made, optionalInput, textOf } from './call.ts'
import { around, axisOf, stridesOf, take } from './layout.ts'
import {
  type Cell,
  cellsOf,
  copied,
  EvaluationError,
  int64,
  larger,
  listOf,
  type Nd,
  numbersOf,
  scalarOf,
  sizeOf,
  smaller,
} from './value.ts'

/** A negative index counts from the end; one outside is an EvaluationError. */
function indexIn(index: number, size: number): number {
  const at = index < 0 ? index + size : index
  if (!(at >= 0 && at < size)) throw new EvaluationError(`index ${index} of ${size}`)
  return at
}

function gather(call: Call): Nd[] {
  const [x, indices] = [input(call, 0), input(call, 1)]
  const axis = axisOf(intOf(call, 'axis', 0), x.dims.length)
  const { outer, size, inner } = around(x.dims, axis)
  const chosen = numbersOf(indices)
  const offsets = new Int32Array(outer * chosen.length * inner)
  let to = 0
  for (let o = 0; o < outer; o++)
    for (const index of chosen) {
      const from = (o * size + indexIn(index, size)) * inner
      for (let n = 0; n < inner; n++) offsets[to++] = from + n
    }
  return [take(x, [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)], offsets)]
}

/** Offsets into `x` that GatherElements reads and ScatterElements writes. */
function elementOffsets(x: Nd, indices: Nd, axis: number): Int32Array {
  const strides = stridesOf(x.dims)
  const own = stridesOf(indices.dims)
  return Int32Array.from(numbersOf(indices), (index, i) => {
    let offset = 0
    for (let at = 0; at < x.dims.length; at++) {
      const here = at === axis ? indexIn(index, x.dims[at]!) : Math.floor(i / own[at]!) % indices.dims[at]!
      offset += here * strides[at]!
    }
    return offset
  })
}

function gatherElements(call: Call): Nd[] {
  const [x, indices] = [input(call, 0), input(call, 1)]
  return [take(x, indices.dims, elementOffsets(x, indices, axisOf(intOf(call, 'axis', 0), x.dims.length)))]
}

/** Starts of the slices that the last axis of `indices` names, `batch` leading axes shared. */
function sliceStarts(x: Nd, indices: Nd, batch: number): { starts: Int32Array; span: number; depth: number } {
  const depth = indices.dims.at(-1) ?? 0
  const strides = stridesOf(x.dims)
  const list = numbersOf(indices)
  const count = elementCount(indices.dims.slice(0, -1))
  const perBatch = count / Math.max(1, elementCount(x.dims.slice(0, batch)))
  const batchSpan = elementCount(x.dims.slice(batch))
  const starts = Int32Array.from({ length: count }, (_, i) => {
    let at = batch > 0 ? Math.floor(i / perBatch) * batchSpan : 0
    for (let d = 0; d < depth; d++) at += indexIn(list[i * depth + d]!, x.dims[batch + d]!) * strides[batch + d]!
    return at
  })
  return { starts, span: elementCount(x.dims.slice(batch + depth)), depth }
}

function gatherNd(call: Call): Nd[] {
  const [x, indices] = [input(call, 0), input(call, 1)]
  const batch = intOf(call, 'batch_dims', 0)
  const { starts, span, depth } = sliceStarts(x, indices, batch)
  const offsets = new Int32Array(starts.length * span)
  for (const [i, start] of starts.entries()) for (let n = 0; n < span; n++) offsets[i * span + n] = start + n
  return [take(x, [...indices.dims.slice(0, -1), ...x.dims.slice(batch + depth)], offsets)]
}

type Merge = (old: Cell, update: Cell) => Cell
const MERGES: Readonly<Record<string, Merge>> = {
  none: (_, update) => update,
  add: (old, update) => (old as number) + (update as number),
  mul: (old, update) => (old as number) * (update as number),
  max: larger,
  min: smaller,
}

function scattered(call: Call, x: Nd, offsets: Int32Array, updates: Nd): Nd {
  const merge = MERGES[textOf(call, 'reduction', 'none')]
  if (!merge) throw new EvaluationError(`reduction ${textOf(call, 'reduction', '')}`)
  if (updates.dtype !== x.dtype) throw new EvaluationError(`${updates.dtype} updates of ${x.dtype}`)
  if (updates.data.length !== offsets.length) throw new EvaluationError('indices and updates of different sizes')
  const result = copied(x)
  const [out, source] = [cellsOf(result), cellsOf(updates)]
  for (let i = 0; i < offsets.length; i++) out[offsets[i]!] = merge(out[offsets[i]!]!, source[i]!)
  // What was computed, and not only moved, is rounded to what the type can hold.
  return result.data instanceof Float64Array && merge !== MERGES.none
    ? made(call, x.dtype, x.dims, result.data)
    : result
}

function scatterElements(call: Call): Nd[] {
  const [x, indices, updates] = [input(call, 0), input(call, 1), input(call, 2)]
  const axis = axisOf(intOf(call, 'axis', 0), x.dims.length)
  return [scattered(call, x, elementOffsets(x, indices, axis), updates)]
}

function scatterNd(call: Call): Nd[] {
  const [x, indices, updates] = [input(call, 0), input(call, 1), input(call, 2)]
  const { starts, span } = sliceStarts(x, indices, 0)
  const offsets = new Int32Array(starts.length * span)
  for (const [i, start] of starts.entries()) for (let n = 0; n < span; n++) offsets[i * span + n] = start + n
  return [scattered(call, x, offsets, updates)]
}

function oneHot(call: Call): Nd[] {
  const [indices, values] = [input(call, 0), input(call, 2)]
  const depth = scalarOf(input(call, 1))
  const rank = indices.dims.length + 1
  const axis = axisOf(intOf(call, 'axis', -1), rank)
  const dims = [...indices.dims.slice(0, axis), depth, ...indices.dims.slice(axis)]
  const { outer, inner } = around(dims, axis)
  const hot = numbersOf(indices)
  const offsets = new Int32Array(elementCount(dims))
  for (let o = 0; o < outer; o++)
    for (let n = 0; n < inner; n++) {
      const index = hot[o * inner + n]!
      const at = index < 0 ? index + depth : index
      if (at >= 0 && at < depth) offsets[(o * depth + at) * inner + n] = 1
    }
  return [take(values, dims, offsets)]
}

function compress(call: Call): Nd[] {
  const given = input(call, 0)
  const axisAttribute = call.node.attributes.has('axis')
  const x = axisAttribute ? given : { ...given, dims: [sizeOf(given)] }
  const axis = axisAttribute ? axisOf(intOf(call, 'axis', 0), x.dims.length) : 0
  const { outer, size, inner } = around(x.dims, axis)
  const kept = listOf(input(call, 1)).flatMap((keep, i) => (keep && i < size ? [i] : []))
  const offsets = new Int32Array(outer * kept.length * inner)
  let to = 0
  for (let o = 0; o < outer; o++)
    for (const i of kept) for (let n = 0; n < inner; n++) offsets[to++] = (o * size + i) * inner + n
  return [
    take(
      x,
      x.dims.map((dim, at) => (at === axis ? kept.length : dim)),
      offsets,
    ),
  ]
}

function reverseSequence(call: Call): Nd[] {
  const [x, lengths] = [input(call, 0), listOf(input(call, 1))]
  const time = intOf(call, 'time_axis', 0)
  const batch = intOf(call, 'batch_axis', 1)
  const strides = stridesOf(x.dims)
  const offsets = Int32Array.from({ length: sizeOf(x) }, (_, i) => {
    const t = Math.floor(i / strides[time]!) % x.dims[time]!
    const length = lengths[Math.floor(i / strides[batch]!) % x.dims[batch]!]!
    return t < length ? i + (length - 1 - 2 * t) * strides[time]! : i
  })
  return [take(x, x.dims, offsets)]
}

/** Whole slices along `axis`, or single elements without it. */
function unique(call: Call): Nd[] {
  const given = input(call, 0)
  const hasAxis = call.node.attributes.has('axis')
  const x = hasAxis ? given : { ...given, dims: [sizeOf(given)] }
  const axis = hasAxis ? axisOf(intOf(call, 'axis', 0), x.dims.length) : 0
  const { outer, size, inner } = around(x.dims, axis)
  const data = cellsOf(x)
  const rowAt = (i: number): Cell[] => {
    const row: Cell[] = []
    for (let o = 0; o < outer; o++) for (let n = 0; n < inner; n++) row.push(data[(o * size + i) * inner + n]!)
    return row
  }
  const rows = Array.from({ length: size }, (_, i) => rowAt(i))
  const seen = new Map<string, { first: number; count: number }>()
  const keys = rows.map((row) => row.map(String).join('\u0000'))
  for (const [i, key] of keys.entries()) {
    const entry = seen.get(key)
    if (entry) entry.count++
    else seen.set(key, { first: i, count: 1 })
  }
  const order = [...seen.entries()]
  if (intOf(call, 'sorted', 1)) order.sort(([, a], [, b]) => compareRows(rows[a.first]!, rows[b.first]!))
  const place = new Map(order.map(([key], i) => [key, i]))
  const offsets = new Int32Array(outer * order.length * inner)
  let to = 0
  for (let o = 0; o < outer; o++)
    for (const [, { first }] of order) for (let n = 0; n < inner; n++) offsets[to++] = (o * size + first) * inner + n
  return [
    take(
      x,
      x.dims.map((dim, at) => (at === axis ? order.length : dim)),
      offsets,
    ),
    int64(order.map(([, { first }]) => first)),
    int64(keys.map((key) => place.get(key)!)),
    int64(order.map(([, { count }]) => count)),
  ]
}

function compareRows(a: readonly Cell[], b: readonly Cell[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1
  return 0
}

export const gathering: Kernels = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  OneHot: oneHot,
  Compress: compress,
  ReverseSequence: reverseSequence,
  Unique: unique,
  NonZero: (call) => {
    const x = input(call, 0)
    const strides = stridesOf(x.dims)
    const hits = listOf(x.dtype === 'string' ? int64((x.data as string[]).map((s) => (s ? 1 : 0))) : x).flatMap(
      (value, i) => (value !== 0 ? [i] : []),
    )
    const rows =
      x.dims.length === 0 ? [hits] : x.dims.map((dim, axis) => hits.map((i) => Math.floor(i / strides[axis]!) % dim))
    return [int64(rows.flat(), [rows.length, hits.length])]
  },
  /** Writes rows of a cache in place of older ones (opset 24). */
  TensorScatter: (call) => {
    const [cache, update] = [input(call, 0), input(call, 1)]
    if (update.dtype !== cache.dtype) throw new EvaluationError(`${update.dtype} updates of ${cache.dtype}`)
    const rank = cache.dims.length
    const axis = axisOf(intOf(call, 'axis', -2), rank)
    const circular = textOf(call, 'mode', 'linear') === 'circular'
    const given = optionalInput(call, 2)
    const starts = given ? listOf(given) : new Array<number>(cache.dims[0]!).fill(0)
    const result = copied(cache)
    const out = cellsOf(result)
    const strides = stridesOf(cache.dims)
    const own = stridesOf(update.dims)
    for (let i = 0; i < sizeOf(update); i++) {
      let to = 0
      for (let at = 0; at < rank; at++) {
        const index = Math.floor(i / own[at]!) % update.dims[at]!
        const shifted = at === axis ? index + starts[Math.floor(i / own[0]!)]! : index
        to += (circular && at === axis ? shifted % cache.dims[at]! : shifted) * strides[at]!
      }
      out[to] = update.data[i]!
    }
    return [result]
  },
}
