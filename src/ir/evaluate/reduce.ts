import { elementCount } from '../tensor.ts'
import { type Call, input, intOf, intsFrom, type Kernel, type Kernels, made, optionalInput } from './call.ts'
import { around, axisOf, reversedAxis, take, transposed } from './layout.ts'
import { EvaluationError, int64, isWide, larger, type Nd, nd, numbersOf, scalarOf, smaller } from './value.ts'

/** The reduced axes, or undefined where an empty list means "change nothing". */
function axesOf(call: Call, rank: number): number[] | undefined {
  const given = intsFrom(call, 'axes', 1)
  if (given && given.length > 0) return [...new Set(given.map((axis) => axisOf(axis, rank)))]
  return intOf(call, 'noop_with_empty_axes', 0) ? undefined : Array.from({ length: rank }, (_, axis) => axis)
}

/** `x` as rows: one row of reduced elements for each element that stays. */
function rowsOf(x: Nd, axes: readonly number[]): { rows: Nd; kept: number[]; width: number } {
  const stay = x.dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const last = axes.every((axis, i) => axis === x.dims.length - axes.length + i)
  const rows = last ? x : transposed(x, [...stay, ...axes])
  return { rows, kept: stay.map((axis) => x.dims[axis]!), width: elementCount(axes.map((axis) => x.dims[axis]!)) }
}

type Row = (data: Float64Array, start: number, end: number) => number
type BigRow = (row: BigInt64Array) => bigint

const reduction =
  (fn: Row, big?: BigRow): Kernel =>
  (call) => {
    const x = input(call, 0)
    const axes = axesOf(call, x.dims.length)
    const { rows, kept, width } = rowsOf(x, axes ?? [])
    const dims = intOf(call, 'keepdims', 1) ? x.dims.map((dim, axis) => (axes?.includes(axis) ? 1 : dim)) : kept
    const count = elementCount(kept)
    if (big && isWide(x.dtype)) {
      const out = x.dtype === 'uint64' ? new BigUint64Array(count) : new BigInt64Array(count)
      const data = rows.data as BigInt64Array
      for (let i = 0; i < count; i++) out[i] = big(data.subarray(i * width, (i + 1) * width))
      return [nd(x.dtype, axes ? dims : x.dims, out)]
    }
    if (!axes && !MEANINGFUL_ALONE.has(call.node.opType)) return [x]
    const data = numbersOf(rows)
    const out = new Float64Array(count)
    for (let i = 0; i < count; i++) out[i] = fn(data, i * width, (i + 1) * width)
    return [made(call, x.dtype, axes ? dims : x.dims, out)]
  }

/** Reductions that change each element even when nothing is reduced. */
const MEANINGFUL_ALONE = new Set(['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceSumSquare'])

const sumOf =
  (fn: (x: number) => number): Row =>
  (data, start, end) => {
    let sum = 0
    for (let i = start; i < end; i++) sum += fn(data[i]!)
    return sum
  }

const sum = sumOf((x) => x)
const sumSquare = sumOf((x) => x * x)
const extreme =
  (sign: 1 | -1): Row =>
  (data, start, end) => {
    let best = -sign * Number.POSITIVE_INFINITY
    for (let i = start; i < end; i++) {
      const x = data[i]!
      if (Number.isNaN(x)) return x
      if (sign * x > sign * best) best = x
    }
    return best
  }

const bigExtreme = (row: BigInt64Array, pick: (a: bigint, b: bigint) => bigint): bigint => {
  if (row.length === 0) throw new EvaluationError('an extreme of no 64-bit integers')
  return row.reduce(pick)
}

const arg =
  (sign: 1 | -1): Kernel =>
  (call) => {
    const x = input(call, 0)
    const axis = axisOf(intOf(call, 'axis', 0), x.dims.length)
    const lastWins = intOf(call, 'select_last_index', 0) === 1
    const { outer, size, inner } = around(x.dims, axis)
    const data = numbersOf(x)
    const out: number[] = []
    for (let o = 0; o < outer; o++)
      for (let n = 0; n < inner; n++) {
        let best = 0
        for (let i = 1; i < size; i++) {
          const gain = sign * (data[(o * size + i) * inner + n]! - data[(o * size + best) * inner + n]!)
          if (gain > 0 || (lastWins && gain === 0)) best = i
        }
        out.push(best)
      }
    const keep = intOf(call, 'keepdims', 1)
    return [
      int64(
        out,
        x.dims.flatMap((dim, at) => (at !== axis ? [dim] : keep ? [1] : [])),
      ),
    ]
  }

export const reduce: Kernels = {
  ReduceSum: reduction(sum, (row) => row.reduce((a, b) => a + b, 0n)),
  ReduceMean: reduction((data, start, end) => sum(data, start, end) / (end - start)),
  ReduceProd: reduction(
    (data, start, end) => {
      let product = 1
      for (let i = start; i < end; i++) product *= data[i]!
      return product
    },
    (row) => row.reduce((a, b) => a * b, 1n),
  ),
  ReduceMax: reduction(extreme(1), (row) => bigExtreme(row, larger)),
  ReduceMin: reduction(extreme(-1), (row) => bigExtreme(row, smaller)),
  ReduceL1: reduction(sumOf(Math.abs)),
  ReduceL2: reduction((data, start, end) => Math.sqrt(sumSquare(data, start, end))),
  ReduceSumSquare: reduction(sumSquare),
  ReduceLogSum: reduction((data, start, end) => Math.log(sum(data, start, end))),
  ReduceLogSumExp: reduction((data, start, end) => {
    const top = extreme(1)(data, start, end)
    if (!Number.isFinite(top)) return top
    return top + Math.log(sumOf((x) => Math.exp(x - top))(data, start, end))
  }),
  ArgMax: arg(1),
  ArgMin: arg(-1),
  CumSum: (call) =>
    cumulative(
      call,
      0,
      (a, b) => a + b,
      (a, b) => a + b,
    ),
  CumProd: (call) =>
    cumulative(
      call,
      1,
      (a, b) => a * b,
      (a, b) => a * b,
    ),
  TopK: topK,
}

function cumulative(
  call: Call,
  start: number,
  fn: (a: number, b: number) => number,
  big: (a: bigint, b: bigint) => bigint,
): Nd[] {
  const given = input(call, 0)
  const axis = axisOf(scalarOf(input(call, 1)), given.dims.length)
  const reverse = intOf(call, 'reverse', 0) === 1
  const exclusive = intOf(call, 'exclusive', 0) === 1
  const x = reverse ? reversedAxis(given, axis) : given
  const { outer, size, inner } = around(x.dims, axis)
  const data = x.data as Float64Array
  const out = isWide(x.dtype) ? new BigInt64Array(data.length) : new Float64Array(data.length)
  const step = (isWide(x.dtype) ? big : fn) as (a: number, b: number) => number
  for (let o = 0; o < outer; o++)
    for (let n = 0; n < inner; n++) {
      let total = (isWide(x.dtype) ? BigInt(start) : start) as number
      for (let i = 0; i < size; i++) {
        const at = (o * size + i) * inner + n
        if (exclusive) out[at] = total
        total = step(total, data[at]!)
        if (!exclusive) out[at] = total
      }
    }
  const value = isWide(x.dtype)
    ? nd(x.dtype, x.dims, x.dtype === 'uint64' ? new BigUint64Array(out.buffer) : (out as BigInt64Array))
    : made(call, x.dtype, x.dims, out as Float64Array)
  return [reverse ? reversedAxis(value, axis) : value]
}

/** Equal elements keep the order of their indices, as the specification asks. */
function topK(call: Call): Nd[] {
  const x = input(call, 0)
  const axis = axisOf(intOf(call, 'axis', -1), x.dims.length)
  const given = optionalInput(call, 1)
  const k = given ? scalarOf(given) : intOf(call, 'k', 0)
  const { outer, size, inner } = around(x.dims, axis)
  if (k < 0 || k > size) throw new EvaluationError(`the top ${k} of ${size}`)
  const sign = intOf(call, 'largest', 1) ? -1 : 1
  const data = numbersOf(x)
  const dims = x.dims.map((dim, at) => (at === axis ? k : dim))
  const from = new Int32Array(elementCount(dims))
  const indices = new Array<number>(from.length)
  for (let o = 0; o < outer; o++)
    for (let n = 0; n < inner; n++) {
      const at = (i: number) => (o * size + i) * inner + n
      const order = Array.from({ length: size }, (_, i) => i).sort(
        (a, b) => sign * (data[at(a)]! - data[at(b)]!) || a - b,
      )
      for (let i = 0; i < k; i++) {
        const to = (o * k + i) * inner + n
        from[to] = at(order[i]!)
        indices[to] = order[i]!
      }
    }
  return [take(x, dims, from), int64(indices, dims)]
}
