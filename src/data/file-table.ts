import { nameOf, readChunks, readWholeFile, UserError } from '../platform/index.ts'
import { addToProfile, newProfile, profiledColumn, type TextValue, toCell } from './column-profile.ts'
import type { Cell, Row, Table, TableColumn } from './table.ts'

/** A row that is a file: where it lies, what the row is called, and what else is known about it. */
export interface FileRow {
  readonly id: string
  readonly file: string
  readonly values: Readonly<Record<string, TextValue>>
}

interface FileTableOptions {
  readonly path: string
  readonly rows: readonly FileRow[]
  readonly input: TableColumn
  /** Makes the input of a file's bytes; what it throws makes the row a skipped one. */
  readonly decode: (bytes: Uint8Array) => Promise<Cell> | Cell
  /** How `decode` works, for the digest. */
  readonly options: unknown
  readonly classNames?: readonly string[] | undefined
  readonly notes: readonly string[]
}

/** Files that are read and decoded ahead of the one that is handed on. */
const AHEAD = 4

/** A table with one row a file: the decoded input, the file's path as `id`, and the fields known about each file. */
export function fileTable({ path, rows, input, decode, options, classNames, notes }: FileTableOptions): Table {
  const profiles = new Map<string, ReturnType<typeof newProfile>>()
  for (const name of new Set(rows.flatMap(({ values }) => Object.keys(values)))) {
    const profile = newProfile()
    for (const { id, values } of rows) addToProfile(profile, values[name], id)
    profiles.set(name, profile)
  }
  const fields = [...profiles].map(([name, profile]) => profiledColumn(name, profile))
  const decodeRow = async (index: number, names: readonly string[]): Promise<Row | { reason: string }> => {
    const { id, file, values } = rows[index]!
    const cells: Record<string, Cell> = {}
    if (names.includes(input.name)) {
      const bytes = await readWholeFile(file)
      try {
        cells[input.name] = await decode(bytes)
      } catch (error) {
        if (error instanceof UserError) throw error
        return { reason: error instanceof Error ? error.message : String(error) }
      }
    }
    if (names.includes('id')) cells.id = { dims: [], data: [id] }
    for (const field of fields) if (names.includes(field.name)) cells[field.name] = toCell(values[field.name], field)
    return { index, cells }
  }
  return {
    path,
    rows: rows.length,
    columns: [input, { name: 'id', dtype: 'string', rowShape: [] }, ...fields],
    loose: [],
    randomAccess: true,
    ...(classNames ? { classNames } : {}),
    notes,
    async *scan(indices, names, skip) {
      const count = indices?.length ?? rows.length
      const pending: Promise<Row | { reason: string }>[] = []
      const start = (place: number) => {
        const row = decodeRow(indices?.[place] ?? place, names)
        // A failure is thrown where the row is awaited; until then it must not count as unhandled.
        row.catch(() => {})
        pending.push(row)
      }
      for (let place = 0; place < Math.min(AHEAD, count); place++) start(place)
      for (let place = 0; place < count; place++) {
        const row = await pending.shift()!
        if (place + AHEAD < count) start(place + AHEAD)
        if ('reason' in row) skip({ row: rows[indices?.[place] ?? place]!.id, reason: row.reason })
        else yield [row]
      }
    },
    async *fingerprint() {
      yield `${JSON.stringify({ input, options })}\n`
      for (const { id, file, values } of rows) {
        yield `${JSON.stringify([id, nameOf(file), values])}\n`
        yield* readChunks(file)
      }
    },
  }
}
