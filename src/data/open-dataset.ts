import { folderOf, pathKind } from '../platform/index.ts'
import type { Dataset } from './dataset.ts'
import { findTokenizer, noTokenizer } from './find-tokenizer.ts'
import { fitColumns } from './fit-columns.ts'
import { isJsonLines } from './jsonl-table.ts'
import { openDatasetFile, openFolder } from './open-folder.ts'
import { type OpenDatasetOptions, openTable } from './open-table.ts'
import { tableDataset } from './table-dataset.ts'
import { textDataset } from './text-dataset.ts'

/**
 * Opens a file or folder of rows. Nothing is held: rows stream when they are read.
 *
 * @throws UserError for a path that is missing or of an unknown kind, a damaged file, and fields that do not fit
 *   `options.inputs`.
 */
export async function openDataset(path: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  if ((await pathKind(path)) === 'folder') return openFolder(path, options)
  const json = path.toLowerCase().endsWith('.json')
  const rows = json && (await isJsonLines(path))
  if (json && !rows) return openDatasetFile(path, options)
  if (/\.txt$/i.test(path)) {
    const { tokenizer, folders = [], window } = options.text ?? {}
    const places = [folderOf(path), ...folders]
    const found = await findTokenizer(tokenizer, places)
    if (!found) throw noTokenizer(places)
    return textDataset(path, found, { ...options, window })
  }
  const table = await openTable(path, options, rows ? 'jsonl' : undefined)
  return tableDataset(await fitColumns(table, folderOf(path), options), options)
}
