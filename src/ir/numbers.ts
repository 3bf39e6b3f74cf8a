import { byteLengthOf, DTYPES, type DType } from './dtype.ts'
import {
  decodeE8m0,
  encodeE8m0,
  encodeSmallFloat,
  isSmallFloat,
  roundHalfEven,
  type ScaleRounding,
  smallFloatTable,
} from './small-float.ts'
import {
  arrayTypeOf,
  elementCount,
  inMemory,
  type NumericArray,
  type Tensor,
  tensorBytes,
  tensorValues,
} from './tensor.ts'

export { decodeE8m0, encodeE8m0, encodeSmallFloat, isSmallFloat, roundHalfEven, type ScaleRounding, smallFloatTable }

/** Integer types with their inclusive ranges; the 64-bit ones as the nearest float64. */
export const INTEGER_RANGES: Partial<Readonly<Record<DType, readonly [min: number, max: number]>>> = {
  bool: [0, 1],
  int2: [-2, 1],
  uint2: [0, 3],
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
}

/** Whether elements are whole numbers; bool is not counted as one. */
export const isInteger = (dtype: DType): boolean => dtype !== 'bool' && dtype in INTEGER_RANGES

/** Whether `toNumbers` can read elements of this type: everything but strings, complex and undefined. */
export const isNumeric = (dtype: DType): boolean =>
  dtype !== 'string' && dtype !== 'complex64' && dtype !== 'complex128' && dtype !== 'undefined'

const packed = (dtype: DType): boolean => DTYPES[dtype].bits === 4 || DTYPES[dtype].bits === 2

/** One code an element, of types packed below a byte: the first element is in the lowest bits. */
function unpack(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  const codes = new Uint8Array(count)
  for (let i = 0; i < count; i++) codes[i] = (bytes[Math.floor(i / perByte)]! >> ((i % perByte) * bits)) & mask
  return codes
}

function pack(codes: ArrayLike<number>, bits: number): Uint8Array {
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  const bytes = new Uint8Array(Math.ceil(codes.length / perByte))
  for (let i = 0; i < codes.length; i++) bytes[Math.floor(i / perByte)]! |= (codes[i]! & mask) << ((i % perByte) * bits)
  return bytes
}

function into<A extends Float32Array | Float64Array>(tensor: Tensor, target: A): A {
  const { dtype } = tensor
  if (!isNumeric(dtype)) throw new Error(`internal: ${dtype} tensor ${tensor.name} has no numbers`)
  const bits = DTYPES[dtype].bits
  const source: NumericArray = packed(dtype) ? unpack(tensorBytes(tensor), bits, target.length) : tensorValues(tensor)
  if (isSmallFloat(dtype)) {
    const table = smallFloatTable(dtype)
    for (let i = 0; i < target.length; i++) target[i] = table[source[i] as number]!
  } else if (dtype === 'float8e8m0') {
    for (let i = 0; i < target.length; i++) target[i] = decodeE8m0(source[i] as number)
  } else if (dtype === 'int4' || dtype === 'int2') {
    const half = 1 << (bits - 1)
    for (let i = 0; i < target.length; i++) target[i] = ((source[i] as number) ^ half) - half
  } else if (dtype === 'bool') {
    for (let i = 0; i < target.length; i++) target[i] = source[i] ? 1 : 0
  } else if (dtype === 'int64' || dtype === 'uint64') {
    for (let i = 0; i < target.length; i++) target[i] = Number(source[i])
  } else target.set((source as Float64Array).subarray(0, target.length))
  return target
}

/**
 * The elements as float32, a new array unless the tensor is float32 in aligned memory: do not write to it. Exact for
 * every type of at most 16 bits; wider ones round to nearest.
 */
export function toFloat32(tensor: Tensor): Float32Array {
  if (tensor.dtype === 'float32') return tensorValues(tensor) as Float32Array
  return into(tensor, new Float32Array(elementCount(tensor.dims)))
}

/**
 * The elements as float64, always a new array. Exact for every numeric type but int64 and uint64 beyond 2^53, which
 * round to nearest. Strings and complex numbers are an internal error (`isNumeric`).
 */
export function toNumbers(tensor: Tensor): Float64Array {
  return into(tensor, new Float64Array(elementCount(tensor.dims)))
}

/** What the narrowest floating types leave open of how a number is rounded to them. */
export interface NumberEncoding {
  /** For the 8-bit floating types: the largest number instead of infinity or NaN where a value is beyond it. */
  readonly saturate?: boolean
  /** For float8e8m0. */
  readonly scaleRounding?: ScaleRounding
}

/**
 * A tensor of any numeric type. Floating types round once from the given number, half to even. Integer types round half
 * to even and saturate at their range; NaN becomes 0; bool is "not zero". int64 takes bigints for exactness.
 */
export function fromNumbers(
  dtype: DType,
  dims: readonly number[],
  values: ArrayLike<number> | ArrayLike<bigint>,
  options: NumberEncoding & { readonly name?: string } = {},
): Tensor {
  const count = elementCount(dims)
  if (!isNumeric(dtype) || values.length !== count)
    throw new Error(`internal: ${values.length} numbers for ${dtype}[${dims.join(',')}]`)
  const array = encodeNumbers(dtype, values, options)
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  if (bytes.byteLength !== byteLengthOf(dtype, count)) throw new Error(`internal: wrong size for ${dtype}`)
  return { name: options.name ?? '', dtype, dims, data: { form: 'raw', bytes: inMemory(bytes) } }
}

/** The elements of `fromNumbers` as the array that holds them: packed types as bytes, float16 as its bit patterns. */
export function encodeNumbers(
  dtype: DType,
  values: ArrayLike<number> | ArrayLike<bigint>,
  options: NumberEncoding = {},
): NumericArray {
  const count = values.length
  const saturate = options.saturate ?? true
  if (dtype === 'int64' || dtype === 'uint64') return encodeWide(dtype, values)
  const read = typeof values[0] === 'bigint' ? (i: number) => Number(values[i]) : (i: number) => values[i] as number
  const target = new (arrayTypeOf(dtype) as Float64ArrayConstructor)(count)
  // An array of numbers is rounded into another at the speed of memory.
  if (dtype === 'float64' || dtype === 'float32') {
    if (typeof values[0] === 'bigint') for (let i = 0; i < count; i++) target[i] = read(i)
    else target.set(values as ArrayLike<number>)
  } else if (isSmallFloat(dtype)) for (let i = 0; i < count; i++) target[i] = encodeSmallFloat(dtype, read(i), saturate)
  else if (dtype === 'float8e8m0')
    for (let i = 0; i < count; i++) target[i] = encodeE8m0(read(i), options.scaleRounding, saturate)
  else if (dtype === 'bool') for (let i = 0; i < count; i++) target[i] = read(i) === 0 ? 0 : 1
  else {
    const [min, max] = INTEGER_RANGES[dtype]!
    for (let i = 0; i < count; i++) target[i] = Math.min(max, Math.max(min, roundHalfEven(read(i)))) || 0
  }
  return packed(dtype) ? pack(target, DTYPES[dtype].bits) : target
}

function encodeWide(dtype: 'int64' | 'uint64', values: ArrayLike<number> | ArrayLike<bigint>): NumericArray {
  const [min, max] = dtype === 'int64' ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << 64n) - 1n]
  const target = dtype === 'int64' ? new BigInt64Array(values.length) : new BigUint64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    const whole = typeof value === 'bigint' ? value : wholeBigInt(value, min, max)
    target[i] = whole < min ? min : whole > max ? max : whole
  }
  return target
}

function wholeBigInt(value: number, min: bigint, max: bigint): bigint {
  if (Number.isNaN(value)) return 0n
  if (!Number.isFinite(value)) return value > 0 ? max : min
  return BigInt(roundHalfEven(value))
}

/** `value` rounded to what the dtype can hold, as a number: the value that a tensor of this dtype would give back. */
export function roundTo(dtype: DType, value: number): number {
  if (dtype === 'float32') return Math.fround(value)
  if (dtype === 'float64') return value
  if (isSmallFloat(dtype)) return smallFloatTable(dtype)[encodeSmallFloat(dtype, value)]!
  if (dtype === 'float8e8m0') return decodeE8m0(encodeE8m0(value))
  const range = INTEGER_RANGES[dtype]
  if (!range) throw new Error(`internal: ${dtype} has no numbers`)
  return dtype === 'bool' ? (value === 0 ? 0 : 1) : Math.min(range[1], Math.max(range[0], roundHalfEven(value))) || 0
}
