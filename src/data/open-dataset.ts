import { folderOf, pathKind } from '../platform/index.ts'
import type { Dataset } from './dataset.ts'
import { fitColumns } from './fit-columns.ts'
import { type OpenDatasetOptions, openTable } from './open-table.ts'
import { tableDataset } from './table-dataset.ts'

/**
 * Opens a file or folder of rows. Nothing is held: rows stream when they are read. What reads a kind of rows is loaded
 * with the first of its kind: a command mostly meets one.
 *
 * @throws UserError for a path that is missing or of an unknown kind, a damaged file, and fields that do not fit
 *   `options.inputs`.
 */
export async function openDataset(path: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  if ((await pathKind(path)) === 'folder') return (await import('./open-folder.ts')).openFolder(path, options)
  const json = path.toLowerCase().endsWith('.json')
  const rows = json && (await (await import('./jsonl-table.ts')).isJsonLines(path))
  if (json && !rows) return (await import('./open-folder.ts')).openDatasetFile(path, options)
  if (/\.txt$/i.test(path)) return (await import('./open-text.ts')).openText(path, options)
  const table = await openTable(path, options, rows ? 'jsonl' : undefined)
  return tableDataset(await fitColumns(table, folderOf(path), options), options)
}
