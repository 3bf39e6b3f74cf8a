import {
  type AsyncBuffer,
  type FileMetaData,
  type ParquetParsers,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { openRangeReader, type RangeReader, UserError } from '../platform/index.ts'
import type { TextValue } from './column-profile.ts'
import type { Table } from './table.ts'
import { type TextRow, textTable } from './text-table.ts'

/**
 * Opens a Parquet file: numbers, text, booleans and (nested) lists; structs, and columns of bytes that are no text, are
 * ignored with a note. It is read a row group at a time, only groups that hold wanted rows after the first pass.
 */
export async function openParquet(path: string): Promise<Table> {
  const reader = await openRangeReader(path)
  try {
    const { metadata, scales } = withoutDecimals(await guarded(path, () => parquetMetadataAsync(bufferOf(reader))))
    const { children } = await guarded(path, async () => parquetSchema(metadata))
    const flat = children.filter((child) => !hasStruct(child)).map(({ element }) => element.name)
    const ignored = children.map(({ element }) => element.name).filter((name) => !flat.includes(name))
    const untyped = children.filter(({ element }) => isUntyped(element)).map(({ element }) => element.name)
    const bytes = await columnsOfBytes(path, metadata, untyped)
    const columns = flat.filter((name) => !bytes.has(name))
    const table = await textTable(path, (wanted) => parquetRows(path, { metadata, scales, columns }, wanted))
    return {
      ...table,
      notes: [
        ...table.notes,
        ...ignored.map((name) => `"${name}" is a struct or map and is ignored.`),
        ...[...bytes].map((name) => `"${name}" holds bytes that are no text and is ignored.`),
      ],
      unreadable: [...bytes].map((name) => ({ name, type: 'the type BYTE_ARRAY, and bytes that are no text' })),
    }
  } finally {
    await reader.close()
  }
}

type SchemaNode = ReturnType<typeof parquetSchema>

/** Whether a column is more than a scalar or lists of scalars: some level has several children, or is a map. */
function hasStruct(node: SchemaNode): boolean {
  if (node.children.length === 0) return false
  const isList = node.element.converted_type === 'LIST' || node.element.logical_type?.type === 'LIST'
  if (node.children.length > 1 || (!isList && node.element.repetition_type !== 'REPEATED')) return true
  return node.children.some((child) =>
    child.element.repetition_type === 'REPEATED' && child.children.length === 1
      ? hasStruct(child.children[0]!)
      : hasStruct(child),
  )
}

const bufferOf = (reader: RangeReader): AsyncBuffer => ({
  byteLength: reader.byteLength,
  async slice(start, end = reader.byteLength) {
    const from = start < 0 ? Math.max(0, reader.byteLength + start) : start
    const bytes = await reader.read(from, Math.max(0, Math.min(end, reader.byteLength) - from))
    return bytes.buffer as ArrayBuffer
  },
})

async function* parquetRows(
  path: string,
  { metadata, scales, columns }: ParquetColumns,
  wanted: (row: number) => boolean,
): AsyncGenerator<TextRow | null> {
  const reader = await openRangeReader(path)
  try {
    let start = 0
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows)
      let rows: Record<string, unknown>[] | undefined
      for (let row = start; row < end; row++) {
        if (!wanted(row)) {
          yield null
          continue
        }
        const range = { rowStart: start, rowEnd: end }
        rows ??= await guarded(path, () =>
          parquetReadObjects({
            file: bufferOf(reader),
            metadata,
            columns: [...columns],
            compressors,
            parsers,
            ...range,
          }),
        )
        const where = `row ${row} of "${path}"`
        if (rows.length !== end - start)
          throw new UserError(
            'bad-data',
            `"${path}" promises ${end - start} rows in a group and holds ${rows.length}.`,
            {
              where,
              hint: 'The file is damaged: write it again.',
            },
          )
        const values = Object.entries(rows[row - start]!).map(([name, value]) => [
          name,
          plain(value, name, where, scales.get(name)),
        ])
        yield { where, values: Object.fromEntries(values) as Record<string, TextValue> }
      }
      start = end
    }
  } finally {
    await reader.close()
  }
}

interface ParquetColumns {
  readonly metadata: FileMetaData
  /** Places behind the point, by column of decimals. */
  readonly scales: ReadonlyMap<string, number>
  readonly columns: readonly string[]
}

type SchemaElement = FileMetaData['schema'][number]

/** A column of bytes of which the file does not say that they are text; old writers leave that out for text as well. */
const isUntyped = ({ type, converted_type: converted, logical_type: logical }: SchemaElement) =>
  type === 'BYTE_ARRAY' && converted === undefined && logical === undefined

const utf8 = new TextDecoder('utf-8', { fatal: true })
const isoOf = (milliseconds: number): string => {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString()
}
/** ISO text of a time in units of so many to the second; all digits are kept. */
function timeOf(units: bigint, digits: number): string {
  const second = 10n ** BigInt(digits)
  const rest = ((units % second) + second) % second
  const text = isoOf(Number((units - rest) / second) * 1000)
  return text.replace('.000Z', `.${String(rest).padStart(digits, '0')}Z`)
}

/** Days, times and texts as text; bytes that are no UTF-8 are none. */
const parsers: Partial<ParquetParsers> = {
  dateFromDays: (days) => (days === undefined ? days : isoOf(days * 86_400_000).replace('T00:00:00.000Z', '')),
  timestampFromMilliseconds: (units) => (units === undefined ? units : timeOf(BigInt(units), 3)),
  timestampFromMicroseconds: (units) => (units === undefined ? units : timeOf(BigInt(units), 6)),
  timestampFromNanoseconds: (units) => (units === undefined ? units : timeOf(BigInt(units), 9)),
  stringFromBytes: (bytes) => (bytes === undefined ? bytes : utf8.decode(bytes)),
}

/** Which of these columns hold bytes that are no UTF-8, so that no text can be made of them. */
async function columnsOfBytes(
  path: string,
  metadata: FileMetaData,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const name of names)
    try {
      const rows = parquetRows(path, { metadata, scales: new Map(), columns: [name] }, () => true)
      for await (const _ of rows);
    } catch (error) {
      if (!(error instanceof UserError && error.cause instanceof TypeError)) throw error
      found.add(name)
    }
  return found
}

/** The same file with decimals as the integers that they are stored as: as products with a power of ten they are inexact. */
function withoutDecimals(metadata: FileMetaData): Pick<ParquetColumns, 'metadata' | 'scales'> {
  const scales = new Map<string, number>()
  let column = ''
  // The elements below the root stand in order, each column before its own; a file's top level is one below.
  const open: number[] = []
  const schema = metadata.schema.map((element, i) => {
    while (open.length > 0 && open.at(-1) === 0) open.pop()
    if (i > 0) open[open.length - 1]!--
    if (open.length === 1) column = element.name
    if (element.num_children) open.push(element.num_children)
    if (element.converted_type !== 'DECIMAL' || element.type === 'BYTE_ARRAY') return element
    scales.set(column, element.scale ?? 0)
    return { ...element, converted_type: undefined, logical_type: undefined } as unknown as SchemaElement
  })
  return { metadata: { ...metadata, schema }, scales }
}

/** An unscaled integer, big-endian where it is bytes, with so many places behind the point. */
function decimalOf(value: unknown, scale: number): number | bigint {
  const whole =
    value instanceof Uint8Array
      ? BigInt.asIntN(
          8 * value.length,
          value.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n),
        )
      : BigInt(value as number | bigint)
  if (scale === 0) return whole
  const digits = String(whole < 0n ? -whole : whole).padStart(scale + 1, '0')
  return Number(`${whole < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`)
}

/** What the reader hands out, as a value of a text format. */
function plain(value: unknown, name: string, where: string, scale?: number): TextValue {
  if (scale !== undefined && !Array.isArray(value)) return value == null ? null : decimalOf(value, scale)
  if (Array.isArray(value)) return value.map((item) => plain(item, name, where, scale))
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value))
    throw new UserError('bad-data', `"${name}" in ${where} holds a nested record.`, {
      where,
      hint: 'Fields are numbers, text, booleans, or nested lists of them.',
    })
  return value as TextValue
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(
      'bad-data',
      `"${path}" cannot be read as Parquet: ${cause instanceof RangeError ? 'it is too short' : cause instanceof Error ? cause.message : cause}.`,
      {
        where: path,
        hint: 'The file is damaged, cut off, encrypted or of another kind: write it again.',
        cause,
      },
    )
  }
}
