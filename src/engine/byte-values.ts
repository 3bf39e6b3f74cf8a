import { arrayTypeOf, type NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type { ByteTensor } from './lanes.ts'
import type { TensorValue } from './session.ts'

/**
 * The elements of a tensor of one piece, as a view of its bytes (which must lie on a multiple of eight). Machines whose
 * own order of bytes is not little-endian are not supported by the runtime either.
 *
 * @throws UserError `bad-data` where the bytes are no whole strings.
 */
export function valueOfBytes({ name, dtype, dims, pieces }: ByteTensor): TensorValue {
  const [bytes = new Uint8Array(0)] = pieces
  if (dtype === 'string') return { dtype, dims, data: readStrings(bytes, name) }
  const Type = arrayTypeOf(dtype) as {
    readonly BYTES_PER_ELEMENT: number
    new (buffer: ArrayBufferLike, offset: number, length: number): NumericArray
  }
  return { dtype, dims, data: new Type(bytes.buffer, bytes.byteOffset, bytes.byteLength / Type.BYTES_PER_ELEMENT) }
}

/** A value as bytes: a view of its elements, or its strings written out. */
export function bytesOfValue(name: string, { dtype, dims, data }: TensorValue): ByteTensor {
  const array = data as NumericArray
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength)
    : writeStrings(data)
  return { name, dtype, dims, pieces: [bytes] }
}

/** Bytes of pieces that lie one behind the other. */
export const bytesIn = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)

/** All of them in one piece of memory; of several a copy. */
export const inOne = (pieces: readonly Uint8Array[]): Buffer => {
  const [first] = pieces
  if (!first || pieces.length > 1) return Buffer.concat(pieces)
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength)
}

/** Strings as their UTF-8 with its length in four bytes before it. */
export const writeStrings = (texts: readonly string[]): Uint8Array =>
  joinStrings(texts.map((text) => Buffer.from(text, 'utf8')))

/** Strings that are bytes already, each with its length before it. */
export function joinStrings(encoded: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.alloc(encoded.reduce((sum, one) => sum + 4 + one.byteLength, 0))
  let at = 0
  for (const one of encoded) {
    at = bytes.writeUInt32LE(one.byteLength, at)
    bytes.set(one, at)
    at += one.byteLength
  }
  return bytes
}

/** The strings of bytes that `writeStrings` or a client wrote. */
export function readStrings(bytes: Uint8Array, name: string): readonly string[] {
  return stringBounds(bytes, name).map(([from, to]) =>
    Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8'),
  )
}

/** Where each string lies in such bytes, without its length. */
export function stringBounds(bytes: Uint8Array, name: string): readonly (readonly [from: number, to: number])[] {
  const bounds: (readonly [number, number])[] = []
  eachString(bytes, name, (from, to) => bounds.push([from, to]))
  return bounds
}

/**
 * Visits the strings of such bytes, wherever they lie; a list of millions of short ones would take many times their bytes.
 *
 * @throws UserError `bad-data` where a length leads beyond the end.
 */
export function eachString(bytes: Uint8Array, name: string, visit: (from: number, to: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.byteLength; ) {
    const from = at + 4
    const to = from > bytes.byteLength ? Number.POSITIVE_INFINITY : from + view.getUint32(at, true)
    if (to > bytes.byteLength)
      throw new UserError('bad-data', `Input "${name}" holds a string that ends beyond its bytes.`, { where: name })
    visit(from, to)
    at = to
  }
}
