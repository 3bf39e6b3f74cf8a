import { createHash } from 'node:crypto'
import type { ByteTensor } from '../../engine/index.ts'

/**
 * `sha256:` over names, types, shapes and bytes of tensors. Every part is preceded by its length, so that no two
 * different inputs give the same text.
 */
export function tensorsDigest(tensors: readonly ByteTensor[], context: readonly string[] = []): string {
  const hash = createHash('sha256')
  const part = (text: string) => hash.update(`${Buffer.byteLength(text)}:${text}`)
  for (const text of context) part(text)
  for (const { name, dtype, dims, pieces } of tensors) {
    part(name)
    part(dtype)
    part(dims.join(','))
    part(String(pieces.reduce((sum, piece) => sum + piece.byteLength, 0)))
    for (const piece of pieces) hash.update(piece)
  }
  return `sha256:${hash.digest('hex')}`
}

interface Kept {
  readonly outputs: readonly ByteTensor[]
  readonly bytes: number
}

export interface Cached {
  readonly outputs: readonly ByteTensor[]
  /** `hit` was kept; `shared` waited for the same request of another; `miss` ran. */
  readonly how: 'hit' | 'shared' | 'miss'
}

/** What an entry takes beyond its tensors: key, maps, objects. */
const ENTRY_BYTES = 512

/**
 * Answers by their inputs, the least recently used going first. Keys hold the model's digest, the tenant and the bytes
 * of the inputs: an answer never crosses tenants, and never outlives its version. Equal requests under way run once.
 */
export class AnswerCache {
  readonly #limit: number
  readonly #kept = new Map<string, Kept>()
  readonly #flights = new Map<string, Promise<readonly ByteTensor[]>>()
  #bytes = 0
  hits = 0
  misses = 0
  evictions = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  get bytes(): number {
    return this.#bytes
  }
  get entries(): number {
    return this.#kept.size
  }

  async get(key: string, run: () => Promise<readonly ByteTensor[]>): Promise<Cached> {
    const kept = this.#kept.get(key)
    if (kept) {
      this.hits++
      this.#kept.delete(key)
      this.#kept.set(key, kept)
      return { outputs: kept.outputs, how: 'hit' }
    }
    const flight = this.#flights.get(key)
    if (flight) {
      this.hits++
      return { outputs: await flight, how: 'shared' }
    }
    this.misses++
    const own = run()
    this.#flights.set(key, own)
    try {
      const outputs = await own
      this.#keep(key, outputs)
      return { outputs, how: 'miss' }
    } finally {
      this.#flights.delete(key)
    }
  }

  clear(): void {
    this.#kept.clear()
    this.#bytes = 0
  }

  #keep(key: string, outputs: readonly ByteTensor[]): void {
    const bytes = outputs.reduce(
      (sum, { pieces }) => pieces.reduce((all, piece) => all + piece.byteLength, sum),
      ENTRY_BYTES,
    )
    if (bytes > this.#limit / 8) return
    // A row of a batch is a view of the whole: kept as it is, it would hold the others' answers in memory.
    const own = outputs.map((tensor) => ({ ...tensor, pieces: tensor.pieces.map((piece) => new Uint8Array(piece)) }))
    this.#kept.set(key, { outputs: own, bytes })
    this.#bytes += bytes
    for (const [oldest, { bytes: freed }] of this.#kept) {
      if (this.#bytes <= this.#limit) break
      this.#kept.delete(oldest)
      this.#bytes -= freed
      this.evictions++
    }
  }
}
