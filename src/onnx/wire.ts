import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { badModel, type Place } from './problem.ts'

/** As deep as protobuf's own decoders go. */
const DEEPEST = 100

interface Known {
  readonly field: DescField
  readonly nested: Layout | undefined
  /** The wire types that the field may have. */
  readonly wires: readonly WireType[]
}
type Layout = ReadonlyMap<number, Known>

const layouts = new Map<string, Map<number, Known>>()

/**
 * Walks the whole wire format before anything is decoded: every length stays inside the message that it stands in,
 * every known field has the wire type that its definition gives it. The decoder itself checks neither, and would read
 * on past the end of a message.
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array, place: Place): void {
  const reader = new BinaryReader(bytes)
  const path: DescField[] = []
  try {
    walk(bytes, reader, bytes.byteLength, layoutOf(schema), path)
  } catch (error) {
    const at = path.map((field) => field.name).join('.')
    throw badModel(
      `the file is damaged near byte ${Math.min(reader.pos, bytes.byteLength)}${at === '' ? '' : ` (in ${at})`}, or it is not an ONNX model`,
      place,
      undefined,
      error,
    )
  }
}

function walk(bytes: Uint8Array, reader: BinaryReader, end: number, layout: Layout, path: DescField[]): void {
  if (path.length >= DEEPEST) throw new Error('nested too deeply')
  while (reader.pos < end) {
    const [number, wire] = reader.tag()
    const known = layout.get(number)
    if (!known) {
      reader.skip(wire, number, DEEPEST - path.length)
    } else {
      path.push(known.field)
      if (!known.wires.includes(wire)) throw new Error(`wire type ${wire}`)
      if (wire !== WireType.LengthDelimited) reader.skip(wire, number)
      else {
        const length = reader.uint32()
        const stop = reader.pos + length
        if (stop > end) throw new Error('a length leads past the end')
        if (known.nested) walk(bytes, reader, stop, known.nested, path)
        else if (known.field.fieldKind === 'list' && known.wires.length > 1)
          walkPacked(bytes, reader, stop, known.wires[1]!)
        else reader.pos = stop
      }
      path.pop()
    }
    if (reader.pos > end) throw new Error('a field leads past the end')
  }
}

function walkPacked(bytes: Uint8Array, reader: BinaryReader, stop: number, wire: WireType): void {
  if (wire === WireType.Varint) {
    // Only whether the last varint ends here is in doubt.
    if (stop > reader.pos && bytes[stop - 1]! > 127) throw new Error('a number is cut off')
  } else if ((stop - reader.pos) % (wire === WireType.Bit64 ? 8 : 4) !== 0) throw new Error('a number is cut off')
  reader.pos = stop
}

function layoutOf(schema: DescMessage): Layout {
  const known = layouts.get(schema.typeName)
  if (known) return known
  const layout = new Map<number, Known>()
  // Before the fields, because messages contain themselves.
  layouts.set(schema.typeName, layout)
  for (const field of schema.fields) {
    const nested = field.message ? layoutOf(field.message) : undefined
    layout.set(field.number, { field, nested, wires: wiresOf(field) })
  }
  return layout
}

/** Scalar types of descriptor.proto that are not varints. */
const WIRES: Readonly<Record<number, WireType>> = {
  1: WireType.Bit64,
  2: WireType.Bit32,
  6: WireType.Bit64,
  7: WireType.Bit32,
  9: WireType.LengthDelimited,
  12: WireType.LengthDelimited,
  15: WireType.Bit32,
  16: WireType.Bit64,
}

function wiresOf(field: DescField): readonly WireType[] {
  if (field.message) return [WireType.LengthDelimited]
  const own = field.scalar === undefined ? WireType.Varint : (WIRES[field.scalar] ?? WireType.Varint)
  // Lists of numbers may come packed or not, whatever the definition prefers.
  return field.fieldKind === 'list' && own !== WireType.LengthDelimited ? [WireType.LengthDelimited, own] : [own]
}
