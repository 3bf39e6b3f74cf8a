import { requireNamed } from './assign-roles.ts'
import type { OpenDatasetOptions } from './open-table.ts'
import { packColumns } from './pack-columns.ts'
import type { Table } from './table.ts'
import { tokenInputOf } from './token-inputs.ts'

/**
 * A table whose columns are made what the model takes: text becomes tokens, columns of numbers become vectors. `folder` is
 * where the data lies. Fields that were named are looked for first: what is amiss with the others may come of it.
 */
export async function fitColumns(table: Table, folder: string, options: OpenDatasetOptions): Promise<Table> {
  requireNamed(table, options)
  if (!tokenInputOf(options.inputs ?? [])) return packColumns(table, options)
  const { tokenizeColumn } = await import('./tokenize-column.ts')
  return packColumns(await tokenizeColumn(table, folder, options), options)
}
