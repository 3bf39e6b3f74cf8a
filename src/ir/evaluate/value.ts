import { type DType, isFloating } from '../dtype.ts'
import { encodeNumbers, fromNumbers, INTEGER_RANGES, isNumeric, isSmallFloat, roundTo, toNumbers } from '../numbers.ts'
import { elementCount, type NumericArray, type Tensor, tensorValues } from '../tensor.ts'

/**
 * Elements while they are computed with: float64 for every type that float64 holds exactly, bigints for 64-bit
 * integers, text for strings. Row-major; never written to once the array is made.
 */
type Elements = Float64Array | BigInt64Array | BigUint64Array | readonly string[]

/** An n-dimensional array in the evaluator. Its elements are always values that `dtype` can hold. */
export interface Nd {
  readonly kind: 'tensor'
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly data: Elements
}

/** ONNX's sequence. */
export interface SequenceValue {
  readonly kind: 'sequence'
  readonly items: readonly Value[]
}

/** ONNX's optional: null where it holds nothing. */
export interface OptionalValue {
  readonly kind: 'optional'
  readonly value: Value | null
}

/** An entry of `ZipMap`'s output: keys are strings or numbers. */
export interface MapValue {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string | number, number>
}

/** Whatever an operator takes or gives. */
export type Value = Nd | SequenceValue | OptionalValue | MapValue

/**
 * Why a node has no value: inputs that do not fit the operator, or a form of it that has no rule. `evaluateNode` turns
 * it into null; the reference engine tells the user.
 */
export class EvaluationError extends Error {}

/** A tensor of these dimensions over its elements, row-major, which become its own. */
export const nd = (dtype: DType, dims: readonly number[], data: Elements): Nd => ({ kind: 'tensor', dtype, dims, data })

export const sizeOf = (value: { readonly dims: readonly number[] }): number => elementCount(value.dims)

export const isWide = (dtype: DType): dtype is 'int64' | 'uint64' => dtype === 'int64' || dtype === 'uint64'

/** The floating types that `float64` evaluation carries as float64; the narrower ones keep their meaning as codes. */
const WIDENED: ReadonlySet<DType> = new Set(['float32', 'float16', 'bfloat16'])
export const carried = (dtype: DType, float64: boolean): DType => (float64 && WIDENED.has(dtype) ? 'float64' : dtype)

const decoder = new TextDecoder()

/** A tensor's elements for computing; complex elements have no rule. */
export function fromTensor(tensor: Tensor, float64 = false): Nd {
  const { dtype, dims } = tensor
  if (tensor.data.form === 'strings')
    return nd(
      'string',
      dims,
      tensor.data.values.map((bytes) => decoder.decode(bytes)),
    )
  if (!isNumeric(dtype)) throw new EvaluationError(`${dtype} elements are not computed with`)
  if (isWide(dtype)) return nd(dtype, dims, tensorValues(tensor) as BigInt64Array)
  return nd(carried(dtype, float64), dims, toNumbers(tensor))
}

/** A computed value as a constant of a graph. */
export function toTensor(value: Nd, name: string): Tensor {
  if (value.dtype === 'string') {
    const encoder = new TextEncoder()
    const values = (value.data as readonly string[]).map((text) => encoder.encode(text))
    return { name, dtype: 'string', dims: value.dims, data: { form: 'strings', values } }
  }
  // Elements are what the dtype can hold already: an infinity of float8 must not saturate.
  return fromNumbers(value.dtype, value.dims, value.data as Float64Array, { name, saturate: false })
}

/** The elements as a typed array of the dtype, a new one. */
export const typedElements = (value: Nd): NumericArray =>
  encodeNumbers(value.dtype, value.data as Float64Array, { saturate: false })

/** The elements as float64; 64-bit integers beyond 2^53 round. A view where they are float64 already. */
export function numbersOf(value: Nd): Float64Array {
  const { data } = value
  if (data instanceof Float64Array) return data
  if (value.dtype === 'string') throw new EvaluationError('strings where numbers are expected')
  const out = new Float64Array(data.length)
  for (let i = 0; i < out.length; i++) out[i] = Number(data[i])
  return out
}

/** The single element of a scalar or of a tensor with one element. */
export function scalarOf(value: Nd): number {
  if (sizeOf(value) !== 1) throw new EvaluationError(`one element expected, got [${value.dims.join(',')}]`)
  return numbersOf(value)[0]!
}

export const listOf = (value: Nd): number[] => Array.from(numbersOf(value))

const WRAP: Partial<Record<DType, NumericArray>> = {
  int8: new Int8Array(1),
  uint8: new Uint8Array(1),
  int16: new Int16Array(1),
  uint16: new Uint16Array(1),
  int32: new Int32Array(1),
  uint32: new Uint32Array(1),
}

/** Rounds `data` in place to what `dtype` can hold: floats to nearest even; integers drop the fraction and wrap around. */
export function settle(dtype: DType, data: Float64Array): Float64Array {
  if (dtype === 'float64') return data
  if (dtype === 'float32') for (let i = 0; i < data.length; i++) data[i] = Math.fround(data[i]!)
  else if (isSmallFloat(dtype) || isFloating(dtype))
    for (let i = 0; i < data.length; i++) data[i] = roundTo(dtype, data[i]!)
  else if (dtype === 'bool') for (let i = 0; i < data.length; i++) data[i] = data[i] === 0 ? 0 : 1
  else {
    const cell = WRAP[dtype] as Int32Array | undefined
    const range = INTEGER_RANGES[dtype]
    if (!range) throw new Error(`internal: ${dtype} does not hold numbers`)
    for (let i = 0; i < data.length; i++) {
      const whole = Math.trunc(data[i]!)
      if (cell) {
        cell[0] = whole
        data[i] = cell[0]
      } else {
        const span = range[1] - range[0] + 1
        data[i] = ((((whole - range[0]) % span) + span) % span) + range[0] || 0
      }
    }
  }
  return data
}

/** A new array of numbers as a value of `dtype`, 64-bit integers included. The array becomes the value's. */
export function fromFloat64(dtype: DType, dims: readonly number[], data: Float64Array): Nd {
  if (isWide(dtype)) {
    const out = dtype === 'int64' ? new BigInt64Array(data.length) : new BigUint64Array(data.length)
    for (let i = 0; i < data.length; i++) out[i] = wide(data[i]!)
    return nd(dtype, dims, out)
  }
  return nd(dtype, dims, settle(dtype, data))
}

const wide = (x: number): bigint => (Number.isFinite(x) ? BigInt(Math.trunc(x)) : -(1n << 63n))

/** An int64 vector, or a scalar with `dims: []`. */
export const int64 = (values: readonly number[], dims: readonly number[] = [values.length]): Nd =>
  nd('int64', dims, BigInt64Array.from(values, BigInt))

/** An element of any type. */
export type Cell = number | bigint | string

/** The elements of `value` for moving them without knowing their type: the array itself, written to only while new. */
export const cellsOf = (value: Nd): Cell[] => value.data as Cell[]

/** A new value of the type of `like`, all zeros (or empty texts), to be filled through its cells. */
export function blank(like: Nd, dims: readonly number[]): Nd {
  const length = elementCount(dims)
  if (like.dtype === 'string') return nd('string', dims, new Array<string>(length).fill(''))
  if (like.dtype === 'int64') return nd('int64', dims, new BigInt64Array(length))
  if (like.dtype === 'uint64') return nd('uint64', dims, new BigUint64Array(length))
  return nd(like.dtype, dims, new Float64Array(length))
}

/** A value of the same elements in memory of its own. */
export const copied = (value: Nd): Nd => ({ ...value, data: value.data.slice() })

export const reshaped = (value: Nd, dims: readonly number[]): Nd => {
  if (elementCount(dims) !== sizeOf(value))
    throw new EvaluationError(`[${value.dims.join(',')}] does not reshape to [${dims.join(',')}]`)
  return nd(value.dtype, dims, value.data)
}

/** The larger of two numbers, bigints or texts; `Math.max` knows numbers alone. */
export function larger<T extends number | bigint | string>(a: T, b: T): T {
  if (a > b) return a
  return b
}

/** As `larger`. */
export function smaller<T extends number | bigint | string>(a: T, b: T): T {
  if (a < b) return a
  return b
}

/** Operators that mix types refuse to: an EvaluationError unless all values that are there have one dtype. */
export function alike(...values: readonly (Nd | undefined)[]): void {
  const types = new Set(values.flatMap((value) => value?.dtype ?? []))
  if (types.size > 1) throw new EvaluationError(`elements of different types: ${[...types].join(', ')}`)
}
