import type { TableOptions } from './open-table.ts'
import { packColumns } from './pack-columns.ts'
import type { Table } from './table.ts'
import { tokenizeColumn } from './tokenize-column.ts'

/**
 * A table whose columns are made what the model takes: text becomes tokens, columns of numbers become vectors. `folder` is
 * where the data lies.
 */
export const fitColumns = async (table: Table, folder: string, options: TableOptions): Promise<Table> =>
  packColumns(await tokenizeColumn(table, folder, options), options)
