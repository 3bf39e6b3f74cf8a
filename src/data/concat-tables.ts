import { UserError } from '../platform/index.ts'
import { listNames } from './list-names.ts'
import type { Row, Table, TableColumn } from './table.ts'

/**
 * Tables with the same columns, one after the other.
 *
 * @throws UserError `bad-data` where names or types differ.
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
        for await (const piece of table.scan(own ?? null, names, skip))
          yield piece.map((row): Row => ({ index: row.index + start, cells: row.cells }))
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

function merge(column: TableColumn, table: Table, first: Table): TableColumn {
  const other = table.columns.find(({ name }) => name === column.name)
  const where = `field "${column.name}" of "${table.path}"`
  if (!other || other.dtype !== column.dtype)
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
  return { ...column, rowShape: column.rowShape.map((dim, axis) => (dim === other.rowShape[axis] ? dim : null)) }
}
