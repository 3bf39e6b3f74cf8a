import { readChunks, UserError } from '../platform/index.ts'
import {
  addToProfile,
  type ColumnProfile,
  newProfile,
  profiledColumn,
  type TextValue,
  toCell,
} from './column-profile.ts'
import type { Row, Table, TableColumn } from './table.ts'
import { notUtf8, requireText } from './utf8.ts'

/** A row of a text format: its place in the file for messages, and its values by column name. */
export interface TextRow {
  readonly where: string
  readonly values: Readonly<Record<string, TextValue>>
  /** The values as written, where text is kept letter by letter: "1.50" in a column that also holds words. */
  readonly texts?: Readonly<Record<string, string>>
}

/** Rows of a text format in file order; each call reads the file anew. A row given null was not wanted. */
type TextRows = (wanted: (row: number) => boolean) => AsyncIterable<TextRow | null>

const PIECE_ROWS = 256

/**
 * A table over rows that are only known by reading them: one pass counts rows and finds each column's type and shape,
 * and every later pass reads on and turns the wanted rows into cells.
 */
export async function textTable(path: string, rowsOf: TextRows): Promise<Table> {
  const { profiles, rows } = await profilesOf(path, rowsOf)
  // A comma at the end of every line makes a column of its own, without a name and with nothing in it.
  const nothing = profiles.get('')?.kind === null && profiles.size > 1
  if (nothing) profiles.delete('')
  const columns = [...profiles].map(([name, profile]) => profiledColumn(name, profile))
  const missing = [...profiles].filter(([, profile]) => profile.missing > 0)
  return {
    path,
    rows,
    columns,
    loose: [],
    randomAccess: false,
    notes: [
      ...(nothing ? ['A column without a name holds nothing and is left out.'] : []),
      ...missing.map(([name, profile]) => `"${name}" is missing in ${profile.missing} of ${rows} rows.`),
    ],
    async *scan(indices, names) {
      const chosen = columns.filter(({ name }) => names.includes(name))
      const last = indices ? (indices.at(-1) ?? -1) : rows - 1
      let next = 0
      let piece: Row[] = []
      let index = 0
      if (last < 0) return
      for await (const row of rowsOf((at) => indices === null || indices[next] === at)) {
        if (row) {
          const cells = Object.fromEntries(
            chosen.map((column) => [column.name, toCell(writtenValue(row, column), column)]),
          )
          piece.push({ index, cells })
          next++
        }
        if (piece.length === PIECE_ROWS) {
          yield piece
          piece = []
        }
        if (index++ === last) break
      }
      if (piece.length > 0) yield piece
    },
    fingerprint: () => readChunks(path),
  }
}

/** What all rows say of the type and the shape of each column, and how many they are. */
async function profilesOf(path: string, rowsOf: TextRows) {
  const profiles = new Map<string, ColumnProfile>()
  let rows = 0
  for await (const row of rowsOf(() => true)) {
    for (const name of Object.keys(row!.values)) {
      let profile = profiles.get(name)
      if (!profile) {
        profile = newProfile()
        profile.missing = rows
        profiles.set(name, profile)
      }
      if (!addToProfile(profile, row!.values[name], row!.where))
        throw new UserError('bad-data', `"${name}" in ${row!.where} is an array of uneven lengths.`, {
          where: row!.where,
          hint: 'A tensor is written as nested arrays, those of one level equally long.',
        })
    }
    for (const [name, profile] of profiles) if (!(name in row!.values)) profile.missing++
    rows++
  }
  const mixed = [...profiles].find(([, { ranksDiffer }]) => ranksDiffer)
  if (mixed)
    throw new UserError('bad-data', `"${mixed[0]}" in "${path}" is a number in some rows and an array in others.`, {
      where: `field "${mixed[0]}" of "${path}"`,
      hint: 'Every row must nest its arrays equally deep.',
    })
  return { profiles, rows }
}

function writtenValue(row: TextRow, { name, dtype }: TableColumn): TextValue {
  return dtype === 'string' && row.texts ? row.texts[name] : row.values[name]
}

/** Decoded text of a UTF-8 file in pieces; a byte-order mark is dropped, bytes that are no UTF-8 are an error. */
export async function* readText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let first = true
  try {
    for await (const chunk of readChunks(path)) {
      if (first) requireText(chunk, path)
      first = false
      yield decoder.decode(chunk, { stream: true })
    }
    yield decoder.decode()
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw notUtf8(path, cause)
  }
}
