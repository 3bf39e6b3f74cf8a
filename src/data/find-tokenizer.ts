import { folderOf, joinPath, listFolder, readFileBytes, UserError } from '../platform/index.ts'
import { llama2cVocabulary } from './llama2c-vocabulary.ts'
import type { Tokenizer } from './tokenizer.ts'

const HINT =
  'put the model’s tokenizer.json (or a llama2.c vocabulary, .bin) beside the data or the model, or name it: --tokenizer FILE'

/**
 * The tokenizer of a text: the file that was named, else `tokenizer.json`, else the one llama2.c vocabulary, in the first
 * of the folders that has one; null where none has.
 *
 * @throws UserError where there are several, or one that cannot be read.
 */
export async function findTokenizer(named: string | undefined, folders: readonly string[]): Promise<Tokenizer | null> {
  if (named !== undefined) return openTokenizer(named)
  for (const folder of folders) {
    const files = (await listFolder(folder)).map(({ name }) => name)
    if (files.includes('tokenizer.json')) return openTokenizer(joinPath(folder, 'tokenizer.json'))
    const found: Tokenizer[] = []
    for (const file of files.filter((name) => name.endsWith('.bin'))) {
      const path = joinPath(folder, file)
      const vocabulary = llama2cVocabulary(await readFileBytes(path), path)
      if (vocabulary) found.push(vocabulary)
    }
    if (found.length > 1)
      throw new UserError(
        'bad-argument',
        `there are several vocabularies: ${found.map(({ path }) => path).join(', ')}`,
        {
          where: folder,
          hint: 'say which: --tokenizer FILE',
        },
      )
    if (found[0]) return found[0]
  }
  return null
}

/** What to say where text has no tokenizer in any of the folders. */
export const noTokenizer = (folders: readonly string[]) =>
  new UserError('bad-data', 'text needs the tokenizer of the model, and there is none', {
    where: [...new Set(folders)].join(', '),
    hint: HINT,
  })

async function openTokenizer(path: string): Promise<Tokenizer> {
  const bytes = await readFileBytes(path)
  if (!path.toLowerCase().endsWith('.json')) {
    const vocabulary = llama2cVocabulary(bytes, path)
    if (vocabulary) return vocabulary
    throw new UserError('bad-data', `"${path}" is no tokenizer.json and no llama2.c vocabulary`, {
      where: path,
      hint: HINT,
    })
  }
  const { huggingFaceTokenizer } = await import('./huggingface-tokenizer.ts')
  const config = await readFileBytes(joinPath(folderOf(path), 'tokenizer_config.json')).catch(() => null)
  return huggingFaceTokenizer(bytes, config, path)
}
