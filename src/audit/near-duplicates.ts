import { randomSource, scattered } from '../statistics/index.ts'
import { type Bands, bandsFor } from './similar-bands.ts'

export interface DuplicateOptions {
  /** Least Jaccard similarity of the word sequences of two texts that are called the same; 0.7 by default. */
  readonly threshold?: number
  /** Words in a sequence; 5 by default. A shorter text is one sequence. */
  readonly words?: number
  /** Hashes of a signature; 128 by default. */
  readonly hashes?: number
  readonly seed?: number
}

/**
 * Groups of texts that are nearly the same, as lists of ascending row numbers; rows without a twin are in none. Pairs are
 * found by MinHash in bands (a pair may be missed, rarely above the threshold: `chanceOfPair`) and then *verified* by
 * their true similarity, so no hash ever joins two texts. Groups are the connected ones: the first and last of a chain
 * may be further apart. Train and test rows in one list and one group: a leak.
 *
 * Source: A. Broder, On the resemblance and containment of documents (1997).
 *
 * @throws RangeError for a threshold outside (0, 1).
 */
export function nearDuplicates(
  texts: readonly string[],
  options: DuplicateOptions = {},
): readonly (readonly number[])[] {
  const { threshold = 0.7, words = 5, hashes = 128, seed = 0 } = options
  const division = bandsFor(threshold, hashes)
  const sequences = texts.map((text) => sequencesOf(text, words))
  const leader = texts.map((_, row) => row)
  const find = (row: number): number => {
    while (leader[row] !== row) {
      leader[row] = leader[leader[row]!]!
      row = leader[row]!
    }
    return row
  }
  const buckets = bucketsOf(sequences, division, seed)
  for (const rows of buckets)
    for (let i = 1; i < rows.length; i++)
      for (let j = 0; j < i; j++) {
        const [a, b] = [find(rows[i]!), find(rows[j]!)]
        // Rows of one group are not compared again, which keeps a bucket of many copies cheap.
        if (a !== b && similarity(sequences[rows[i]!]!, sequences[rows[j]!]!) >= threshold)
          leader[Math.max(a, b)] = Math.min(a, b)
      }
  const groups = new Map<number, number[]>()
  for (const row of texts.keys()) groups.set(find(row), [...(groups.get(find(row)) ?? []), row])
  return [...groups.values()].filter((rows) => rows.length > 1)
}

/** |A ∩ B| / |A ∪ B|; two empty sets are alike. */
function similarity(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let both = 0
  for (const value of a) if (b.has(value)) both++
  return a.size + b.size === 0 ? 1 : both / (a.size + b.size - both)
}

function sequencesOf(text: string, words: number): ReadonlySet<string> {
  const all = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  const found = new Set<string>()
  for (let start = 0; start + words <= Math.max(all.length, words); start++)
    found.add(all.slice(start, start + words).join(' '))
  return found
}

/** Rows whose signatures agree in one band. */
function bucketsOf(
  sequences: readonly ReadonlySet<string>[],
  { bands, rows }: Bands,
  seed: number,
): readonly (readonly number[])[] {
  const random = randomSource(seed)
  const keys = Uint32Array.from({ length: bands * rows }, () => random.below(2 ** 32))
  const buckets = new Map<string, number[]>()
  for (const [row, set] of sequences.entries()) {
    const least = new Uint32Array(keys.length).fill(2 ** 32 - 1)
    for (const sequence of set) {
      const value = hashOf(sequence)
      for (let k = 0; k < keys.length; k++) least[k] = Math.min(least[k]!, scattered(value ^ keys[k]!) >>> 0)
    }
    for (let band = 0; band < bands; band++) {
      const name = `${band}:${least.subarray(band * rows, (band + 1) * rows).join(',')}`
      const bucket = buckets.get(name)
      if (bucket) bucket.push(row)
      else buckets.set(name, [row])
    }
  }
  return [...buckets.values()].filter((bucket) => bucket.length > 1)
}

/** FNV-1a over code units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
