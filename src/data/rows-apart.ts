import type { Dataset } from './dataset.ts'
import { RowHash } from './row-hash.ts'
import { subset } from './subset.ts'

/** A data set without the rows that others hold as well. */
export interface RowsApart {
  readonly data: Dataset
  /** Rows that were left out. */
  readonly shared: number
  /**
   * Rows that others hold too, but that stand in one of the sets several times: of columns with few values, draws that
   * know nothing of each other hold the same rows. They stay.
   */
  readonly common: number
}

/**
 * The rows of a set that none of the others holds: rows are the same where every input of the model is, bit for bit.
 * All sets are read once.
 */
export async function rowsApart(data: Dataset, others: readonly Dataset[]): Promise<RowsApart> {
  const own = await inputHashes(data, others)
  const counts = countsOf(own.map(([, hash]) => hash))
  const elsewhere = new Map<number, number>()
  for (const other of others)
    for (const [hash, count] of countsOf((await inputHashes(other, [data])).map(([, hash]) => hash)))
      elsewhere.set(hash, Math.max(count, elsewhere.get(hash) ?? 0))
  const met = own.filter(([, hash]) => elsewhere.has(hash))
  const shared = new Set(met.flatMap(([row, hash]) => (counts.get(hash)! + elsewhere.get(hash)! === 2 ? [row] : [])))
  if (shared.size === 0) return { data, shared: 0, common: met.length }
  const left = Array.from({ length: data.rows }, (_, row) => row).filter((row) => !shared.has(row))
  return { data: subset(data, left), shared: shared.size, common: met.length - shared.size }
}

/** Pictures beyond so many are not decoded to find copies among them: it takes ten seconds for these. */
const MOST_PICTURES = 2000

const tooManyPictures = ({ pixels, rows }: Pick<Dataset, 'pixels' | 'rows'>) =>
  pixels !== undefined && rows > MOST_PICTURES

/**
 * The rows of a set whose inputs, bit for bit, an earlier row holds, each with the first that does. All inputs are read
 * once; of more than 2,000 pictures, which would have to be decoded, none (`tellRepeats` says so).
 */
export async function repeatsIn(data: Dataset): Promise<ReadonlyMap<number, number>> {
  if (tooManyPictures(data)) return new Map()
  const first = new Map<number, number>()
  const repeats = new Map<number, number>()
  for (const [row, hash] of await inputHashes(data, [])) {
    const earlier = first.get(hash)
    if (earlier === undefined) first.set(hash, row)
    else repeats.set(row, earlier)
  }
  return repeats
}

/** What to tell of rows that were split so that none stands on two sides; nothing where none repeats another. */
export function tellRepeats(
  { size }: ReadonlyMap<number, number>,
  data: Pick<Dataset, 'pixels' | 'rows'>,
): readonly string[] {
  const { rows } = data
  if (tooManyPictures(data))
    return [
      `Copies were not looked for among ${rows} pictures, which would have to be decoded: where one stands there twice, it may choose and prove.`,
    ]
  return size === 0
    ? []
    : [
        `${size} of ${rows} rows hold the inputs of an earlier row. They were kept on its side of the split, so that nothing is proven on a row that was used before; rows that stand there several times prove less than fresh ones.`,
      ]
}

/** What to tell of it, in the words of the command; none where the sets have no row in common. */
export function tellApart({ data, shared, common }: RowsApart, verb: string, others: string): readonly string[] {
  const rows = (count: number) => (count === 1 ? '1 row' : `${count} rows`)
  return [
    ...(shared > 0
      ? [`${rows(shared)} of "${data.path}" stand in ${others} as well, and were not used to ${verb}`]
      : []),
    ...(common > 0
      ? [
          `${rows(common)} of "${data.path}" look like rows of ${others} that stand there or here several times; they were used to ${verb}`,
        ]
      : []),
  ]
}

function countsOf(hashes: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const hash of hashes) counts.set(hash, (counts.get(hash) ?? 0) + 1)
  return counts
}

/** Row and hash of its inputs, of those inputs that the other sets hold too. */
async function inputHashes(data: Dataset, others: readonly Dataset[]): Promise<readonly (readonly [number, number])[]> {
  const inputs = (set: Dataset) => set.fields.flatMap(({ name, role }) => (role === 'input' ? [name] : []))
  const names = inputs(data).filter((name) => others.every((other) => inputs(other).includes(name)))
  const hashes: (readonly [number, number])[] = []
  if (names.length === 0) return hashes
  for await (const { indices, columns } of data.read({ fields: names, batch: 64 }))
    for (const [place, row] of indices.entries()) {
      const hash = new RowHash()
      for (const name of names) hash.add(columns[name]!, place, indices.length)
      hashes.push([row, hash.value])
    }
  return hashes
}
