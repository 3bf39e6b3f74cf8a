import type { Column, Dataset } from './dataset.ts'
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

/** 53 bits from two multiplicative hashes (FNV-1a over words, with two primes): enough to tell millions of rows. */
class RowHash {
  #low = 0x811c9dc5
  #high = 0x9747b28c

  add({ data, dims }: Column, row: number, rows: number): void {
    for (const dim of dims.slice(1)) this.#word(dim)
    const size = data.length / rows
    const part = data.slice(row * size, (row + 1) * size)
    if (!ArrayBuffer.isView(part)) {
      for (const text of part as readonly string[]) {
        this.#word(text.length)
        for (let i = 0; i < text.length; i++) this.#word(text.charCodeAt(i))
      }
      return
    }
    const words = part.BYTES_PER_ELEMENT >= 4 ? new Uint32Array(part.buffer) : new Uint8Array(part.buffer)
    for (let i = 0; i < words.length; i++) this.#word(words[i]!)
  }

  #word(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193)
    this.#low ^= this.#low >>> 15
    this.#high = Math.imul(this.#high ^ word, 0x85ebca6b)
    this.#high ^= this.#high >>> 13
  }

  get value(): number {
    return (this.#high >>> 0) * 2 ** 21 + ((this.#low >>> 0) & (2 ** 21 - 1))
  }
}
