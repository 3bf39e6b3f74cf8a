import { arrayTypeOf, type DType, elementCount, type NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'

/** How one element lies in the file. */
interface NpyType {
  readonly dtype: DType
  readonly itemBytes: number
  readonly bigEndian: boolean
  /** Width of what a big-endian element is swapped in: half an element for complex numbers. */
  readonly swapBytes: number
  readonly text?: 'bytes' | 'ucs4'
}

/** What the header of a `.npy` file says. */
export interface NpyHeader {
  /** Null for a type that has no place in a model or a data set; `descr` says which. */
  readonly type: NpyType | null
  readonly descr: string
  readonly fortranOrder: boolean
  readonly dims: readonly number[]
  /** Bytes before the first element. */
  readonly headerBytes: number
}

/** Bytes that always suffice to learn how long the header is. */
export const NPY_PREFIX_BYTES = 12

const TYPES: Readonly<Record<string, DType>> = {
  b1: 'bool',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  c8: 'complex64',
  c16: 'complex128',
}

function bad(where: string, what: string): UserError {
  return new UserError('bad-data', `${where} is not a numpy array: ${what}.`, {
    where,
    hint: 'Write the arrays with numpy.savez(path, name=array, …).',
  })
}

/**
 * Bytes of the whole header (magic, version, length field and text) from the first `NPY_PREFIX_BYTES` of the file.
 * Source: the NPY format description of NumPy, versions 1.0, 2.0 and 3.0.
 */
export function npyHeaderBytes(prefix: Uint8Array, where: string): number {
  if (prefix.length < 10 || prefix[0] !== 0x93 || String.fromCharCode(...prefix.subarray(1, 6)) !== 'NUMPY')
    throw bad(where, 'it does not begin with the NUMPY mark')
  const version = prefix[6]!
  if (version < 1 || version > 3) throw bad(where, `format version ${version} is not known`)
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength)
  if (version === 1) return 10 + view.getUint16(8, true)
  if (prefix.length < 12) throw bad(where, 'its header is cut off')
  const length = view.getUint32(8, true)
  if (length > 1 << 20) throw bad(where, 'its header is implausibly long')
  return 12 + length
}

/** Reads a whole header. Types without a place here (objects, records, dates) give `type: null`. */
export function parseNpyHeader(header: Uint8Array, where: string): NpyHeader {
  const text = new TextDecoder(header[6] === 3 ? 'utf-8' : 'latin1').decode(header.subarray(header[6] === 1 ? 10 : 12))
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1]
  const shape = /['"]shape['"]\s*:\s*\(([^)]*)\)/.exec(text)?.[1]
  const descr = /['"]descr['"]\s*:\s*(?:'([^']*)'|"([^"]*)"|(\[))/.exec(text)
  if (order === undefined || shape === undefined || !descr) throw bad(where, 'its header cannot be understood')
  const dims = shape
    .split(',')
    .map((part) => part.trim().replace(/L$/, ''))
    .filter((part) => part !== '')
    .map(Number)
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || !Number.isSafeInteger(elementCount(dims)))
    throw bad(where, `its shape (${shape}) cannot be understood`)
  const spelling = descr[1] ?? descr[2] ?? 'a record type'
  return {
    type: npyType(spelling),
    descr: spelling,
    fortranOrder: order === 'True' && dims.length > 1,
    dims,
    headerBytes: header.length,
  }
}

function npyType(descr: string): NpyType | null {
  const parts = /^([<>=|]?)([a-zA-Z])(\d+)$/.exec(descr)
  if (!parts) return descr === '?' ? { dtype: 'bool', itemBytes: 1, bigEndian: false, swapBytes: 1 } : null
  const [, order, kind, digits] = parts
  const size = Number(digits)
  const bigEndian = order === '>'
  if (kind === 'S' || kind === 'a')
    return { dtype: 'string', itemBytes: size, bigEndian: false, swapBytes: 1, text: 'bytes' }
  if (kind === 'U') return { dtype: 'string', itemBytes: 4 * size, bigEndian, swapBytes: 4, text: 'ucs4' }
  const dtype = TYPES[`${kind}${digits}`]
  if (!dtype) return null
  return { dtype, itemBytes: size, bigEndian, swapBytes: kind === 'c' ? size / 2 : size }
}

/** Elements from their bytes in the file; numbers become a typed array, text an array of strings. */
export function npyElements(bytes: Uint8Array, type: NpyType): NumericArray | readonly string[] {
  const aligned = bytes.byteOffset % 8 === 0 && !type.bigEndian ? bytes : bytes.slice()
  if (type.bigEndian) swapInPlace(aligned, type.swapBytes)
  if (type.text) return textElements(aligned, type)
  // numpy takes whatever is not zero for true; a runtime's kernels make of a 2 what they like.
  if (type.dtype === 'bool' && aligned.some((byte) => byte > 1)) return aligned.map((byte) => (byte === 0 ? 0 : 1))
  const Type = arrayTypeOf(type.dtype)
  return new Type(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / Type.BYTES_PER_ELEMENT)
}

function swapInPlace(bytes: Uint8Array, width: number): void {
  if (width < 2) return
  for (let at = 0; at + width <= bytes.length; at += width) bytes.subarray(at, at + width).reverse()
}

/** Fixed-width text, padded with zeros at its end. */
function textElements(bytes: Uint8Array, type: NpyType): readonly string[] {
  const values: string[] = []
  const decoder = new TextDecoder()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + type.itemBytes <= bytes.length; at += type.itemBytes) {
    if (type.text === 'ucs4') {
      let text = ''
      for (let i = 0; i < type.itemBytes; i += 4) {
        const point = view.getUint32(at + i, true)
        text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd'
      }
      values.push(text.replace(/\0+$/, ''))
    } else {
      let end = at + type.itemBytes
      while (end > at && bytes[end - 1] === 0) end--
      values.push(decoder.decode(bytes.subarray(at, end)))
    }
    if (type.itemBytes === 0) break
  }
  return values
}
