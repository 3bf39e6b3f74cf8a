import type { TensorProto } from 'onnx-buf'
import { type ByteRange, byteLengthOf, type DType } from '../ir/index.ts'

/** The repeated fields of TensorProto that hold numbers. */
type TypedField = 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data'
export const TYPED_FIELDS: readonly TypedField[] = ['floatData', 'int32Data', 'int64Data', 'doubleData', 'uint64Data']

type View = { readonly length: number; [index: number]: number | bigint }
type Layout = { readonly field: TypedField; view(bytes: Uint8Array): View }

const over = (Type: {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): View
  readonly BYTES_PER_ELEMENT: number
}) => {
  return (bytes: Uint8Array): View => {
    const aligned = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes)
    return new Type(aligned.buffer, aligned.byteOffset, aligned.byteLength / Type.BYTES_PER_ELEMENT)
  }
}

const bytesIn32: Layout = { field: 'int32Data', view: over(Uint8Array) }
const halvesIn32: Layout = { field: 'int32Data', view: over(Uint16Array) }
const floats: Layout = { field: 'floatData', view: over(Float32Array) }
const doubles: Layout = { field: 'doubleData', view: over(Float64Array) }

/** Which field holds a dtype's elements, and as what. Source: comments of TensorProto in onnx.proto. */
const LAYOUTS: Readonly<Partial<Record<DType, Layout>>> = {
  float32: floats,
  complex64: floats,
  float64: doubles,
  complex128: doubles,
  int64: { field: 'int64Data', view: over(BigInt64Array) },
  uint64: { field: 'uint64Data', view: over(BigUint64Array) },
  uint32: { field: 'uint64Data', view: over(Uint32Array) },
  int32: { field: 'int32Data', view: over(Int32Array) },
  int16: { field: 'int32Data', view: over(Int16Array) },
  uint16: halvesIn32,
  float16: halvesIn32,
  bfloat16: halvesIn32,
  int8: { field: 'int32Data', view: over(Int8Array) },
  uint8: bytesIn32,
  bool: bytesIn32,
  float8e4m3fn: bytesIn32,
  float8e4m3fnuz: bytesIn32,
  float8e5m2: bytesIn32,
  float8e5m2fnuz: bytesIn32,
  float8e8m0: bytesIn32,
  uint4: bytesIn32,
  int4: bytesIn32,
  float4e2m1: bytesIn32,
  uint2: bytesIn32,
  int2: bytesIn32,
}

/** The field that holds elements of this dtype, or undefined for strings and unknown types. */
export function typedFieldOf(dtype: DType): TypedField | undefined {
  return LAYOUTS[dtype]?.field
}

/** Entries of the field that `count` elements take; sub-byte types are packed, one byte an entry. */
export function typedEntries(dtype: DType, count: number): number {
  const layout = LAYOUTS[dtype]
  if (!layout) return 0
  return layout.view(new Uint8Array(0)) instanceof Uint8Array
    ? byteLengthOf(dtype, count)
    : dtype === 'complex64' || dtype === 'complex128'
      ? 2 * count
      : count
}

/** A tensor's elements that came in a typed field, as the packed bytes of `raw_data`, converted when first read. */
export class TypedRange implements ByteRange {
  readonly byteLength: number
  readonly dtype: DType
  #entries: readonly (number | bigint)[] | undefined
  #bytes: Uint8Array | undefined

  constructor(dtype: DType, count: number, entries: readonly (number | bigint)[]) {
    this.dtype = dtype
    this.byteLength = byteLengthOf(dtype, count)
    this.#entries = entries
  }

  read(): Uint8Array {
    if (this.#bytes) return this.#bytes
    const entries = this.#entries!
    const { view } = LAYOUTS[this.dtype]!
    const bytes = new Uint8Array(this.byteLength)
    const elements = view(bytes)
    for (let i = 0; i < entries.length; i++) elements[i] = elementOf(this.dtype, entries[i]!)
    this.#bytes = bytes
    // The list takes twice the room and is only needed where the bytes do not say the same.
    if (entriesOf(this.dtype, bytes).every((value, i) => Object.is(value, entries[i]))) this.#entries = undefined
    return bytes
  }

  /** The entries as the file had them. */
  get entries(): readonly (number | bigint)[] {
    return this.#entries ?? entriesOf(this.dtype, this.#bytes!)
  }
}

/** What an entry says: of 32 bits the runtime takes the lowest, but any bit makes a bool true. */
function elementOf(dtype: DType, entry: number | bigint): number | bigint {
  if (dtype === 'bool') return entry === 0 ? 0 : 1
  return dtype === 'uint32' ? Number(BigInt.asUintN(32, entry as bigint)) : entry
}

function entriesOf(dtype: DType, bytes: Uint8Array): (number | bigint)[] {
  const elements = Array.from(LAYOUTS[dtype]!.view(bytes))
  return dtype === 'uint32' ? elements.map(BigInt) : elements
}

/** Puts packed bytes into the typed field of their dtype. */
export function putTyped(message: TensorProto, dtype: DType, bytes: ByteRange): void {
  const field = LAYOUTS[dtype]?.field
  if (!field) throw new Error(`internal: ${dtype} has no typed field`)
  const entries = bytes instanceof TypedRange && bytes.dtype === dtype ? bytes.entries : entriesOf(dtype, bytes.read())
  ;(message as Record<TypedField, readonly (number | bigint)[]>)[field] = entries
}
