import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Dataset, memoryDataset } from '../src/data/index.ts'

/** Bytes looked at from either end of a file, and what stands where it has none. */
const [END, NOTHING] = [1024, 256]
/** What Magika trims from both ends: the white space of ASCII. */
const SPACE = new Set([9, 10, 11, 12, 13, 32])

/**
 * Files as Magika reads them: `bytes` int32 [files, 2048], the first and the last 1,024 after white space; `labels` by
 * the name of the folder that a file lies in, numbered as in `classes`.
 */
export async function fileBytes(folder: string, classes: readonly string[]): Promise<Dataset> {
  const files = readdirSync(folder).flatMap((label) =>
    readdirSync(join(folder, label)).map((name) => ({ label, path: join(folder, label, name) })),
  )
  const known = files.filter(({ label }) => classes.includes(label))
  const data = new Int32Array(known.length * 2 * END).fill(NOTHING)
  for (const [row, { path }] of known.entries()) {
    const bytes = readFileSync(path)
    const first = bytes.findIndex((byte) => !SPACE.has(byte))
    const last = bytes.findLastIndex((byte) => !SPACE.has(byte)) + 1
    data.set(bytes.subarray(Math.max(0, first), last).subarray(0, END), row * 2 * END)
    const tail = bytes.subarray(Math.max(first, 0, last - END), last)
    data.set(tail, (row + 1) * 2 * END - tail.length)
  }
  return memoryDataset(
    {
      bytes: { dtype: 'int32', dims: [known.length, 2 * END], data },
      labels: {
        dtype: 'int64',
        dims: [known.length],
        data: BigInt64Array.from(known, ({ label }) => BigInt(classes.indexOf(label))),
      },
    },
    {
      inputs: [{ name: 'bytes', dtype: 'int32', shape: [null, 2 * END] }],
      classNames: classes,
      path: `${known.length} files of ${folder}`,
    },
  )
}
