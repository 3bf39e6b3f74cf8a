import { byteLengthOf, type DType } from './dtype.ts'

/**
 * Bytes that are read when somebody asks: a slice of the model file, a range of an external file, or an array in
 * memory. `read` is synchronous and may return a view that must not be written to.
 */
export interface ByteRange {
  readonly byteLength: number
  read(): Uint8Array
}

/**
 * How a tensor's elements are held. All numeric forms read as packed little-endian bytes in the layout of `raw_data`;
 * the form only says where an unchanged tensor is written back to.
 */
export type TensorData =
  | { readonly form: 'raw'; readonly bytes: ByteRange }
  /** Came in `float_data`, `int32_data`, … and goes back there. */
  | { readonly form: 'typed'; readonly bytes: ByteRange }
  /** Lives in another file; `entries` are the `external_data` pairs as they came. */
  | { readonly form: 'external'; readonly bytes: ByteRange; readonly entries: readonly (readonly [string, string])[] }
  | { readonly form: 'strings'; readonly values: readonly Uint8Array[] }

/** What the ONNX file held that the model value does not interpret; only the `onnx` room looks inside. */
export type Kept = object

/** A constant: dtype, dimensions (row-major) and elements by reference. `name` is '' inside attributes. */
export interface Tensor {
  readonly name: string
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly data: TensorData
  readonly docString?: string
  readonly kept?: Kept
}

/** The elements that are not zero, and where they are: flat places, or a row of coordinates each. */
export interface SparseTensor {
  readonly values: Tensor
  readonly indices: Tensor
  readonly dims: readonly number[]
  readonly kept?: Kept
}

/** Elements of a tensor of numbers; float16 and bfloat16 are held as their bits. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  complex64: Float32Array,
  complex128: Float64Array,
} as const

/** The typed array that holds elements of this dtype; packed and 8-bit floating types are held as bytes. */
export function arrayTypeOf(dtype: DType) {
  return dtype in ARRAYS ? ARRAYS[dtype as keyof typeof ARRAYS] : Uint8Array
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/** A range over bytes in memory. */
export function inMemory(bytes: Uint8Array): ByteRange {
  return { byteLength: bytes.byteLength, read: () => bytes }
}

/** A tensor over a typed array; the array becomes the tensor's and must not change afterwards. */
export function tensorOf(
  dtype: DType,
  dims: readonly number[],
  values: NumericArray | readonly number[],
  name = '',
): Tensor {
  const Type = arrayTypeOf(dtype)
  const array = ArrayBuffer.isView(values)
    ? values
    : Type === BigInt64Array || Type === BigUint64Array
      ? (Type as BigInt64ArrayConstructor).from(Array.from(values, BigInt))
      : (Type as Uint8ArrayConstructor).from(values)
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  if (bytes.byteLength !== tensorByteLength(dtype, dims))
    throw new Error(
      `internal: ${dtype}[${dims.join(',')}] needs ${tensorByteLength(dtype, dims)} bytes, got ${bytes.byteLength}`,
    )
  return { name, dtype, dims, data: { form: 'raw', bytes: inMemory(bytes) } }
}

/** Bytes of the packed elements. */
export function tensorByteLength(dtype: DType, dims: readonly number[]): number {
  return byteLengthOf(dtype, elementCount(dims))
}

/** The packed little-endian bytes. Strings have none: an internal error. */
export function tensorBytes(tensor: Tensor): Uint8Array {
  if (tensor.data.form === 'strings') throw new Error(`internal: string tensor ${tensor.name} has no bytes`)
  return tensor.data.bytes.read()
}

/** The elements as a typed array of the dtype (see `arrayTypeOf`): a view where alignment allows, else a copy. */
export function tensorValues(tensor: Tensor): NumericArray {
  const bytes = tensorBytes(tensor)
  const Type = arrayTypeOf(tensor.dtype)
  // Not `slice`: on a Buffer of Node it gives another view of the same memory.
  const aligned = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes)
  return new Type(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    Math.floor(aligned.byteLength / Type.BYTES_PER_ELEMENT),
  )
}
