import { UserError } from '../platform/index.ts'
import { listNames } from './list-names.ts'
import type { Table, TableColumn } from './table.ts'

/** Names of the columns that hold the text, or the two texts of a pair, where there are several; the most telling first. */
const TEXT_NAMES: readonly (readonly string[])[] = [
  ['text', 'text_pair'],
  ['text'],
  ['sentence1', 'sentence2'],
  ['question1', 'question2'],
  ['text1', 'text2'],
  ['text_a', 'text_b'],
  ['premise', 'hypothesis'],
  ['question', 'context'],
  ['question', 'sentence'],
  ['question', 'answer'],
  ['query', 'passage'],
  ['query', 'document'],
  ['sentence'],
  ['content'],
]

/**
 * The columns of a table whose text feeds a model of tokens: one, or two whose texts go together.
 *
 * @throws UserError where it cannot be told which.
 */
export function textColumns(texts: readonly TableColumn[], table: Table): readonly string[] {
  const names = texts.map(({ name }) => name)
  const found = names.length === 1 ? names : TEXT_NAMES.find((some) => some.every((name) => names.includes(name)))
  if (found !== undefined) return found
  throw new UserError('bad-data', `"${table.path}" has several columns of text: ${listNames(names)}.`, {
    where: table.path,
    hint: `Name the one that the model reads "text" (and the other of a pair "text_pair"), in the file or by a dataset.json with "rename": {"${names[0]}": "text"}; name the label (--label) and slice fields (--slice).`,
  })
}
