import { create, type DescMessage, type Message, type MessageShape } from '@bufbuild/protobuf'
import type { StringStringEntryProto } from 'onnx-buf'
import { StringStringEntryProtoSchema } from 'onnx-buf'
import type { Kept, Metadata } from '../ir/index.ts'

/**
 * What a protobuf message held beyond what the model value says: unknown fields, fields that are not interpreted, and
 * which optional fields were present although empty. It is the message itself, emptied of everything interpreted;
 * encoding starts from a copy of it and writes the interpreted fields over it. Regular messages have none.
 */
export interface Shell<M extends Message = Message> {
  readonly message: M
  /** Entries of a repeated field that a later one of the same name hides, with their places, by field. */
  readonly hidden?: Readonly<Record<string, readonly Hidden[]>>
}

interface Hidden {
  readonly at: number
  readonly message: Message
}

type Fields = Record<string, unknown>

/** Whether a field is present, as proto2 tells it. */
export const has = (message: Message, field: string): boolean => Object.hasOwn(message, field)

/**
 * Whether a message says something that its interpreted fields would not bring back: `always` names the optional
 * fields that Whetstone writes even when they are empty, the others it writes when they are not.
 */
export function irregular(message: Message, always: readonly string[] = []): boolean {
  if (message.$unknown?.length) return true
  for (const field of always) if (!has(message, field)) return true
  for (const [field, value] of Object.entries(message as Fields))
    if (!always.includes(field) && (value === '' || value === 0 || value === 0n || emptyBytes(value))) return true
  return false
}

const emptyBytes = (value: unknown) => value instanceof Uint8Array && value.byteLength === 0

/** Empties the interpreted fields of a message that stays as a shell: lists become empty, messages absent. */
export function strip(message: Message, ...fields: readonly string[]): void {
  const open = message as Fields
  for (const field of fields) {
    if (Array.isArray(open[field])) open[field] = []
    else delete open[field]
  }
}

/** A message to fill: a copy of the shell's, or a new one where the value was not read from a file. */
export function revive<D extends DescMessage>(schema: D, kept: Kept | undefined): MessageShape<D> {
  const message = create(schema)
  const shell = shellOf(schema, kept)
  return shell ? Object.assign(message, shell.message) : message
}

/** The shell in `kept`, unless a spread carried it over from a value of another kind. */
export function shellOf<D extends DescMessage>(schema: D, kept: Kept | undefined): Shell<MessageShape<D>> | undefined {
  const shell = kept as Shell | undefined
  return shell?.message?.$typeName === schema.typeName ? (shell as Shell<MessageShape<D>>) : undefined
}

/**
 * Sets an optional scalar: left as the shell has it where it already reads as `value`, absent where `value` is the
 * default, unless it is one that is always written.
 */
export function put<M extends Message>(message: M, field: keyof M & string, value: M[keyof M], always = false): void {
  const open = message as Fields
  if (has(message, field) && Object.is(open[field], value)) return
  delete open[field]
  if (always || !Object.is(open[field], value)) open[field] = value
}

/** Repeated named things as a map; of two with one name the later counts, the earlier is hidden but not lost. */
export function toMap<P extends Message, V>(
  list: readonly P[],
  nameOf: (item: P) => string,
  convert: (item: P) => V,
): { map: Map<string, V>; hidden: Hidden[] } {
  const last = new Map(list.map((item, at) => [nameOf(item), at]))
  const map = new Map<string, V>()
  const hidden: Hidden[] = []
  for (const [at, item] of list.entries()) {
    const name = nameOf(item)
    if (last.get(name) === at) map.set(name, convert(item))
    else hidden.push({ at, message: item })
  }
  return { map, hidden }
}

/** Puts hidden entries back where they stood. */
export function unhide<P extends Message>(list: P[], kept: Kept | undefined, field: string): P[] {
  for (const { at, message } of (kept as Shell | undefined)?.hidden?.[field] ?? []) list.splice(at, 0, message as P)
  return list
}

/** Keys with their values, in the order of the file: a key may be there twice. */
export function decodeMetadata(entries: readonly StringStringEntryProto[]): Metadata {
  return entries.map(({ key, value }) => [key, value] as const)
}

/** Whether key and value are both there and nothing else, as every writer of ONNX does it. */
export function regularEntries(entries: readonly StringStringEntryProto[]): boolean {
  return entries.every((entry) => !entry.$unknown?.length && has(entry, 'key') && has(entry, 'value'))
}

/** The entries of a shell where they still say the same, else new ones. */
export function encodeMetadata(
  pairs: Metadata | undefined,
  asRead: readonly StringStringEntryProto[],
): StringStringEntryProto[] {
  const list = pairs ?? []
  const same = asRead.length === list.length && asRead.every((e, i) => e.key === list[i]![0] && e.value === list[i]![1])
  if (same) return [...asRead]
  return list.map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))
}
