import { folderOf } from '../platform/index.ts'
import type { Dataset } from './dataset.ts'
import { findTokenizer, noTokenizer } from './find-tokenizer.ts'
import type { OpenDatasetOptions } from './open-table.ts'
import { textDataset } from './text-dataset.ts'

/**
 * Opens a file of text, by the tokenizer that was named or lies beside it or in the folders of `options.text`.
 *
 * @throws UserError where there is no tokenizer.
 */
export async function openText(path: string, options: OpenDatasetOptions): Promise<Dataset> {
  const { tokenizer, folders = [], window } = options.text ?? {}
  const places = [folderOf(path), ...folders]
  const found = await findTokenizer(tokenizer, places)
  if (!found) throw noTokenizer(places)
  return textDataset(path, found, { ...options, window })
}
