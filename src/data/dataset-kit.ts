// What tests of data sets share.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Dataset, ReadOptions, Rows } from './index.ts'

/** Everything that a data set reads, batch by batch. */
export async function all(dataset: Dataset, options?: ReadOptions): Promise<readonly Rows[]> {
  const batches: Rows[] = []
  for await (const rows of dataset.read(options)) batches.push(rows)
  return batches
}

/** The elements of a field, of all batches. */
export const values = (batches: readonly Rows[], name: string) =>
  batches.flatMap((rows) => Array.from(rows.columns[name]!.data as Iterable<number | bigint | string>))

/** Writes a file, an object as JSON, and the folders on its way; gives its path. */
export async function writeIn(folder: string, name: string, content: string | Uint8Array | object): Promise<string> {
  const file = join(folder, name)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(
    file,
    typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content),
  )
  return file
}
