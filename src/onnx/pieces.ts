import { create, type DescField, type DescMessage, type Message, toBinary } from '@bufbuild/protobuf'
import { WireType } from '@bufbuild/protobuf/wire'
import type { TensorProto } from 'onnx-buf'
import type { ByteRange } from '../ir/index.ts'
import type { EncodeContext, Pieces } from './encode-context.ts'

type Fields = Record<string, unknown>

/**
 * Encodes a message field by field in the order of field numbers, as protobuf writers do, without copying deferred
 * weights: lengths come from sizes alone. Messages without deferred weights are encoded at one go.
 */
export function toPieces(schema: DescMessage, message: Message, context: EncodeContext): Pieces {
  const ready = context.ready.get(message)
  if (ready) return ready
  if (!context.holders.has(message)) {
    const bytes = toBinary(schema, message)
    return { byteLength: bytes.byteLength, parts: [bytes] }
  }
  const open = message as Fields
  const parts: (Uint8Array | ByteRange)[] = []
  let byteLength = 0
  const push = (part: Uint8Array | ByteRange) => {
    if (part.byteLength === 0) return
    parts.push(part)
    byteLength += part.byteLength
  }
  for (const field of fieldsOf(schema)) {
    const value = open[field.localName]
    const range = field.localName === 'rawData' ? context.deferred.get(message as TensorProto) : undefined
    if (range) {
      push(prefix(field.number, range.byteLength))
      push(range)
    } else if (field.message && value !== undefined) {
      for (const item of (Array.isArray(value) ? value : [value]) as Message[]) {
        const inner = toPieces(field.message, item, context)
        push(prefix(field.number, inner.byteLength))
        for (const part of inner.parts) parts.push(part)
        byteLength += inner.byteLength
      }
    } else if (Object.hasOwn(open, field.localName)) push(toBinary(schema, only(schema, field.localName, value)))
  }
  if (message.$unknown) push(toBinary(schema, only(schema, '$unknown', message.$unknown)))
  return { byteLength, parts }
}

/** In the order of their numbers. */
function fieldsOf(schema: DescMessage): readonly DescField[] {
  let fields = ordered.get(schema)
  if (!fields) ordered.set(schema, (fields = [...schema.fields].sort((a, b) => a.number - b.number)))
  return fields
}
const ordered = new WeakMap<DescMessage, readonly DescField[]>()

function only(schema: DescMessage, field: string, value: unknown): Message {
  const message = create(schema)
  ;(message as Fields)[field] = value
  return message
}

/** The tag and the length of a field, both as varints: seven bits a byte, the lowest first. */
function prefix(field: number, byteLength: number): Uint8Array {
  const bytes: number[] = []
  for (let left of [(field << 3) | WireType.LengthDelimited, byteLength]) {
    for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
    bytes.push(left)
  }
  return Uint8Array.from(bytes)
}

/** Small parts are gathered into pieces of about this size (bytes). */
const GATHERED = 1 << 16

/** The bytes in order. Weights come as views that must not be kept or changed; the rest in gathered pieces. */
export function* flatten({ parts }: Pieces): Generator<Uint8Array> {
  let small: Uint8Array[] = []
  let size = 0
  for (const part of parts) {
    if (part instanceof Uint8Array && part.byteLength < GATHERED) {
      small.push(part)
      size += part.byteLength
      if (size < GATHERED) continue
    }
    if (size > 0) yield concat(small, size)
    small = []
    size = 0
    if (!(part instanceof Uint8Array)) yield* rangeChunks(part)
    else if (part.byteLength >= GATHERED) yield part
  }
  if (size > 0) yield concat(small, size)
}

/** A range in pieces where it can be read so, else whole. */
export function* rangeChunks(range: ByteRange): Generator<Uint8Array> {
  if ('chunks' in range && typeof range.chunks === 'function') yield* range.chunks() as Generator<Uint8Array>
  else yield range.read()
}

/** The chunks, which are `byteLength` bytes together, in one piece of memory. */
export function concat(chunks: Iterable<Uint8Array>, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  if (at !== byteLength) throw new Error(`internal: ${byteLength} bytes were promised and ${at} came`)
  return bytes
}
