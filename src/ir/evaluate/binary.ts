import type { DType } from '../dtype.ts'
import { DTYPES, isFloating } from '../dtype.ts'
import { isInteger } from '../numbers.ts'
import { elementCount } from '../tensor.ts'
import { requireWithin } from './beyond-range.ts'
import { type Call, input, intOf, type Kernel, type Kernels, made, tensorInputs, textOf } from './call.ts'
import { broadcastDims, broadcastStrides, broadcastTo, offsetsOf, sameDims } from './layout.ts'
import { alike, blank, cellsOf, EvaluationError, isWide, larger, type Nd, nd, numbersOf, smaller } from './value.ts'

type Fn = (a: number, b: number) => number
type BigFn = (a: bigint, b: bigint) => bigint

/** Offsets that read `dims` as `target`; undefined where they are the same shape. */
const reader = (dims: readonly number[], target: readonly number[]): Int32Array | undefined =>
  sameDims(dims, target) ? undefined : offsetsOf(target, broadcastStrides(dims, target))

/** Opsets below 7 broadcast only on request, from an axis. */
function aligned(call: Call, a: Nd, b: Nd): readonly number[] {
  const axis = call.opset < 7 ? intOf(call, 'axis', -1) : -1
  return axis >= 0
    ? [...b.dims, ...new Array<number>(Math.max(0, a.dims.length - axis - b.dims.length)).fill(1)]
    : b.dims
}

/** `fn` over two broadcast arrays, rounded to `dtype`. */
function combine(call: Call, a: Nd, b: Nd, dtype: DType, fn: Fn): Nd {
  const bDims = aligned(call, a, b)
  const dims = broadcastDims(a.dims, bDims)
  const [left, right] = [numbersOf(a), numbersOf(b)]
  const [at, bt] = [reader(a.dims, dims), reader(bDims, dims)]
  const out = new Float64Array(elementCount(dims))
  if (!at && !bt) for (let i = 0; i < out.length; i++) out[i] = fn(left[i]!, right[i]!)
  else for (let i = 0; i < out.length; i++) out[i] = fn(left[at ? at[i]! : i]!, right[bt ? bt[i]! : i]!)
  return made(call, dtype, dims, out)
}

function combineWide(a: Nd, b: Nd, fn: BigFn): Nd {
  if (!isWide(b.dtype)) throw new EvaluationError(`${a.dtype} with ${b.dtype}`)
  const dims = broadcastDims(a.dims, b.dims)
  const left = broadcastTo(a, dims).data as BigInt64Array
  const right = broadcastTo(b, dims).data as BigInt64Array
  const out = a.dtype === 'uint64' ? new BigUint64Array(left.length) : new BigInt64Array(left.length)
  for (let i = 0; i < left.length; i++) out[i] = fn(left[i]!, right[i]!)
  return nd(a.dtype, dims, out)
}

const arithmetic =
  (fn: Fn, big: BigFn, integer: Fn = fn): Kernel =>
  (call) => {
    const [a, b] = [input(call, 0), input(call, 1)]
    alike(a, b)
    if (isWide(a.dtype)) return [combineWide(a, b, big)]
    return [combine(call, a, b, a.dtype, isInteger(a.dtype) ? integer : fn)]
  }

const variadic =
  (fn: Fn, big: BigFn, finish?: (count: number) => (x: number) => number): Kernel =>
  (call) => {
    const values = tensorInputs(call)
    const [first] = values
    if (!first) throw new EvaluationError('no inputs')
    alike(...values)
    // One rounding at the end: the sum of many float32 is not rounded at each step.
    const exact = { ...call, float64: true }
    let total: Nd = first
    for (const value of values.slice(1))
      total = isWide(first.dtype)
        ? combineWide(total, value, big)
        : combine(exact, total, value, wider(first.dtype), fn)
    const divide = finish?.(values.length)
    const data = numbersOf(total)
    if (isWide(first.dtype)) return [total]
    return [made(call, first.dtype, total.dims, divide ? data.map(divide) : data.slice())]
  }

const wider = (dtype: DType): DType => (isFloating(dtype) ? 'float64' : dtype)

const compare =
  (fn: (a: number, b: number) => boolean, big: (a: bigint, b: bigint) => boolean): Kernel =>
  (call) => {
    const [a, b] = [input(call, 0), input(call, 1)]
    alike(a, b)
    if (isWide(a.dtype) && isWide(b.dtype)) {
      const dims = broadcastDims(a.dims, b.dims)
      const left = broadcastTo(a, dims).data as BigInt64Array
      const right = broadcastTo(b, dims).data as BigInt64Array
      return [
        nd(
          'bool',
          dims,
          Float64Array.from(left, (x, i) => (big(x, right[i]!) ? 1 : 0)),
        ),
      ]
    }
    if (a.dtype === 'string') {
      const dims = broadcastDims(a.dims, b.dims)
      const left = broadcastTo(a, dims).data as readonly string[]
      const right = broadcastTo(b, dims).data as readonly string[]
      return [
        nd(
          'bool',
          dims,
          Float64Array.from(left, (x, i) => (x === right[i] ? 1 : 0)),
        ),
      ]
    }
    return [combine(call, a, b, 'bool', (x, y) => (fn(x, y) ? 1 : 0))]
  }

const logical =
  (fn: (a: boolean, b: boolean) => boolean): Kernel =>
  (call) => [combine(call, input(call, 0), input(call, 1), 'bool', (a, b) => (fn(!!a, !!b) ? 1 : 0))]

const bitwise = (fn: Fn, big: BigFn): Kernel => arithmetic(fn, big)

const divideWhole: Fn = (a, b) => (b === 0 ? 0 : Math.trunc(a / b))
const floorMod: Fn = (a, b) => {
  const rest = a % b
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest
}
const product32: Fn = (a, b) => (Math.abs(a * b) < 2 ** 53 ? a * b : Math.imul(a, b))
const maximum: Fn = (a, b) => Math.max(a, b)
const minimum: Fn = (a, b) => Math.min(a, b)

/** 1 / xʸ without its fraction; 0 for 0, of which there is none. */
const inverse = (x: bigint, y: bigint) => (x * x === 1n ? x ** y : 0n)

/** The runtime takes powers of integers as doubles, which hold no more than 53 bits. */
function requireExactPowers(call: Call, a: Nd, b: Nd): void {
  if (!call.anyProcessor) return
  const powers = numbersOf(combine({ ...call, float64: true }, a, b, 'float64', (x, y) => x ** y))
  requireWithin(call, a.dtype, powers)
  if (powers.some((power) => Math.abs(power) > 2 ** 53)) throw new EvaluationError('a power beyond 53 bits')
}

export const binary: Kernels = {
  Add: arithmetic(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  Sub: arithmetic(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  Mul: arithmetic(
    (a, b) => a * b,
    (a, b) => a * b,
    product32,
  ),
  Div: arithmetic(
    (a, b) => a / b,
    (a, b) => (b === 0n ? 0n : a / b),
    divideWhole,
  ),
  Mod: (call) => {
    if (intOf(call, 'fmod', 0))
      return arithmetic(
        (a, b) => a % b,
        (a, b) => (b === 0n ? 0n : a % b),
      )(call)
    return arithmetic(floorMod, (a, b) => {
      const rest = b === 0n ? 0n : a % b
      return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest
    })(call)
  },
  Pow: (call) => {
    const [a, b] = [input(call, 0), input(call, 1)]
    if (isInteger(a.dtype)) requireExactPowers(call, a, b)
    if (isWide(a.dtype) && isWide(b.dtype)) return [combineWide(a, b, (x, y) => (y < 0n ? inverse(x, -y) : x ** y))]
    return [combine(call, a, b, a.dtype, (x, y) => x ** y)]
  },
  Max: variadic(maximum, larger),
  Min: variadic(minimum, smaller),
  Sum: variadic(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  Mean: variadic(
    (a, b) => a + b,
    (a, b) => a + b,
    (count) => (x) => x / count,
  ),
  Equal: compare(
    (a, b) => a === b,
    (a, b) => a === b,
  ),
  Greater: compare(
    (a, b) => a > b,
    (a, b) => a > b,
  ),
  GreaterOrEqual: compare(
    (a, b) => a >= b,
    (a, b) => a >= b,
  ),
  Less: compare(
    (a, b) => a < b,
    (a, b) => a < b,
  ),
  LessOrEqual: compare(
    (a, b) => a <= b,
    (a, b) => a <= b,
  ),
  And: logical((a, b) => a && b),
  Or: logical((a, b) => a || b),
  Xor: logical((a, b) => a !== b),
  BitwiseAnd: bitwise(
    (a, b) => a & b,
    (a, b) => a & b,
  ),
  BitwiseOr: bitwise(
    (a, b) => a | b,
    (a, b) => a | b,
  ),
  BitwiseXor: bitwise(
    (a, b) => a ^ b,
    (a, b) => a ^ b,
  ),
  BitShift: (call) => {
    const left = textOf(call, 'direction', '') === 'LEFT'
    const [a, b] = [input(call, 0), input(call, 1)]
    const { bits } = DTYPES[a.dtype]
    if (isWide(a.dtype)) return [combineWide(a, b, (x, y) => (y >= 64n ? 0n : left ? x << y : x >> y))]
    return [
      combine(call, a, b, a.dtype, (x, y) =>
        y >= bits ? 0 : left ? (x * 2 ** y) % 2 ** bits : Math.floor(x / 2 ** y),
      ),
    ]
  },
  Where: (call) => {
    const [condition, a, b] = [input(call, 0), input(call, 1), input(call, 2)]
    alike(a, b)
    const dims = broadcastDims(condition.dims, a.dims, b.dims)
    const chosen = numbersOf(broadcastTo(condition, dims))
    const [left, right] = [broadcastTo(a, dims), broadcastTo(b, dims)]
    const result = blank(left, dims)
    const [own, other, out] = [cellsOf(left), cellsOf(right), cellsOf(result)]
    for (let i = 0; i < chosen.length; i++) out[i] = chosen[i] ? own[i]! : other[i]!
    return [result]
  },
}
