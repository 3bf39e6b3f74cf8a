import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { openRangeReader, type RangeReader, UserError } from '../platform/index.ts'
import type { TextValue } from './column-profile.ts'
import type { Table } from './table.ts'
import { type TextRow, textTable } from './text-table.ts'

/**
 * Opens a Parquet file: numbers, text, booleans and (nested) lists; structs are ignored with a note. It is read a row
 * group at a time, only groups that hold wanted rows after the first pass.
 */
export async function openParquet(path: string): Promise<Table> {
  const reader = await openRangeReader(path)
  try {
    const metadata = await guarded(path, () => parquetMetadataAsync(bufferOf(reader)))
    const { children } = await guarded(path, async () => parquetSchema(metadata))
    const columns = children.filter((child) => !hasStruct(child)).map(({ element }) => element.name)
    const ignored = children.map(({ element }) => element.name).filter((name) => !columns.includes(name))
    const table = await textTable(path, (wanted) => parquetRows(path, metadata, columns, wanted))
    return {
      ...table,
      notes: [...table.notes, ...ignored.map((name) => `"${name}" is a struct or map and is ignored.`)],
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
  metadata: FileMetaData,
  columns: readonly string[],
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
          parquetReadObjects({ file: bufferOf(reader), metadata, columns: [...columns], compressors, ...range }),
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
        const values = Object.entries(rows[row - start]!).map(([name, value]) => [name, plain(value, name, where)])
        yield { where, values: Object.fromEntries(values) as Record<string, TextValue> }
      }
      start = end
    }
  } finally {
    await reader.close()
  }
}

/** What the reader hands out, as a value of a text format: dates become ISO text. */
function plain(value: unknown, name: string, where: string): TextValue {
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map((item) => plain(item, name, where))
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
