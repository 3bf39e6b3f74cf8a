import type { DType, NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { castElements } from './cast-column.ts'
import { listNames } from './list-names.ts'
import { type Cell, type Row, type Table, type TableColumn, untypedTogether } from './table.ts'

/** Each of these holds the ones before it. Which one a text format finds depends on the rows that a file happens to have. */
const NUMBERS: readonly DType[] = ['int32', 'int64', 'float64']

/**
 * Tables with the same columns, one after the other. Whole and other numbers of one column become the wider type.
 *
 * @throws UserError `bad-data` where names, other types or ranks differ.
 */
export function concatTables(path: string, tables: readonly Table[]): Table {
  const first = tables[0]!
  if (tables.length === 1) return first
  const columns = first.columns.map((column) =>
    tables.slice(1).reduce((merged, table) => merge(merged, table, first), column),
  )
  for (const table of tables)
    if (table.columns.length !== columns.length)
      throw new UserError('bad-data', `"${table.path}" has other fields than "${first.path}".`, {
        where: table.path,
        hint: `They have ${listNames(table.columns.map(({ name }) => name))} and ${listNames(columns.map(({ name }) => name))}.`,
      })
  const starts = tables.map((_, i) => tables.slice(0, i).reduce((sum, { rows }) => sum + rows, 0))
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  return {
    path,
    rows,
    columns,
    loose: first.loose,
    randomAccess: tables.every(({ randomAccess }) => randomAccess),
    notes: [...new Set(tables.flatMap(({ notes }) => notes))],
    async *scan(indices, names, skip) {
      for (const [i, table] of tables.entries()) {
        const start = starts[i]!
        const own = indices
          ?.filter((index) => index >= start && index < start + table.rows)
          .map((index) => index - start)
        if (own?.length === 0) continue
        const widen = widening(table, columns)
        for await (const piece of table.scan(own ?? null, names, skip))
          yield piece.map((row): Row => ({ index: row.index + start, cells: widen(row.cells) }))
      }
    },
    async *fingerprint() {
      for (const table of tables) {
        yield `${table.rows}\n`
        yield* table.fingerprint()
      }
    },
  }
}

type Cells = Row['cells']

/** Casts the cells of a table whose columns hold a narrower type than those of the whole set. */
function widening(table: Table, columns: readonly TableColumn[]): (cells: Cells) => Cells {
  const casts = columns.flatMap(({ name, dtype }) => {
    const from = table.columns.find((column) => column.name === name)!.dtype
    return from === dtype ? [] : [{ name, from, dtype }]
  })
  if (casts.length === 0) return (cells) => cells
  return (cells) => {
    const wide: Record<string, Cell> = { ...cells }
    for (const { name, from, dtype } of casts) {
      const cell = cells[name]
      if (!cell) continue
      const what = `"${name}" of "${table.path}"`
      wide[name] = { ...cell, data: castElements(cell.data as NumericArray, from, dtype, what, what) }
    }
    return wide
  }
}

/** The type that holds the values of both. */
function bothIn(a: DType, b: DType): DType | undefined {
  if (a === b) return a
  return NUMBERS.includes(a) && NUMBERS.includes(b)
    ? NUMBERS[Math.max(NUMBERS.indexOf(a), NUMBERS.indexOf(b))]
    : undefined
}

function merge(column: TableColumn, table: Table, first: Table): TableColumn {
  const other = table.columns.find(({ name }) => name === column.name)
  const where = `field "${column.name}" of "${table.path}"`
  const dtype = other && bothIn(other.dtype, column.dtype)
  if (!other || !dtype)
    throw new UserError(
      'bad-data',
      other
        ? `"${column.name}" is ${other.dtype} in "${table.path}" and ${column.dtype} in "${first.path}".`
        : `"${table.path}" has no field "${column.name}", which "${first.path}" has.`,
      { where, hint: 'All files of a set need the same fields of the same types.' },
    )
  if (other.rowShape.length !== column.rowShape.length)
    throw new UserError(
      'bad-data',
      `Rows of "${column.name}" have ${other.rowShape.length} dimensions in "${table.path}" and ${column.rowShape.length} in "${first.path}".`,
      { where, hint: 'All files of a set need the same fields of the same types.' },
    )
  const rowShape = column.rowShape.map((dim, axis) => (dim === other.rowShape[axis] ? dim : null))
  const { untyped: _, ...typed } = column
  return { ...typed, dtype, rowShape, ...untypedTogether([column, other]) }
}
