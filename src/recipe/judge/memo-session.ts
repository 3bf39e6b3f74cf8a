import type { Feeds, Fetched, Session, TensorValue } from '../../engine/index.ts'
import { freeMemory, sha256 } from '../../platform/index.ts'

/** Share of the machine's free memory that may hold answers, and a number of bytes that always may. */
const OF_FREE = 1 / 8
const LEAST_BYTES = 2 ** 28

/**
 * Answers of models, up to `byteBudget` bytes of outputs; they outlive the sessions that gave them. When it is full,
 * the answers of the model that was asked longest ago make room. Rows whose answers do not fit are run again each time:
 * a text recogniser gives a megabyte a row.
 */
export class AnswerMemory {
  readonly #byteBudget: number
  /** By digest, ordered by when each was last asked. */
  readonly #models = new Map<string, Answers>()
  #held = 0

  constructor(byteBudget = Math.max(LEAST_BYTES, OF_FREE * freeMemory())) {
    this.#byteBudget = byteBudget
  }

  /** Answers of the model with this digest; counts as asking it. */
  of(digest: string): Answers {
    const answers = this.#models.get(digest) ?? new Answers((bytes) => this.#makeRoom(digest, bytes))
    this.#models.delete(digest)
    this.#models.set(digest, answers)
    return answers
  }

  /** Takes room for so many bytes of this model; false where there is none. */
  #makeRoom(digest: string, bytes: number): boolean {
    // A model whose answers were dropped may still be running; it keeps nothing more.
    if (!this.#models.has(digest)) return false
    for (const [other, answers] of this.#models) {
      if (this.#held + bytes <= this.#byteBudget || other === digest) break
      this.#models.delete(other)
      this.#held -= answers.held
    }
    if (this.#held + bytes > this.#byteBudget) return false
    this.#held += bytes
    return true
  }
}

/** What one model answered. */
class Answers {
  readonly kept = new Map<string, { readonly answer: Promise<Fetched>; callers: number }>()
  /** How many callers hold a result; infinitely many where it is kept, so that it is never given back. */
  readonly holders = new WeakMap<Fetched, number>()
  /** Takes room for so many bytes; false where there is none. */
  readonly #takeRoom: (bytes: number) => boolean
  /** Bytes of the kept answers. */
  held = 0

  constructor(takeRoom: (bytes: number) => boolean) {
    this.#takeRoom = takeRoom
  }

  fits(bytes: number): boolean {
    const fits = this.#takeRoom(bytes)
    if (fits) this.held += bytes
    return fits
  }
}

/**
 * A session that answers the same feeds from memory: every candidate is compared with the original on the same rows,
 * and a candidate that is judged on more rows has answered the first ones.
 */
export function memoSession(session: Session, answers = new AnswerMemory().of('')): Session {
  const { kept, holders } = answers
  return {
    ...session,
    run(feeds, fetch) {
      if (fetch) return session.run(feeds, fetch)
      const key = keyOf(feeds)
      const known = kept.get(key)
      if (known) {
        known.callers++
        return known.answer
      }
      // The promise is kept at once, since two candidates judged at the same time ask for the same rows.
      const answer = session.run(feeds).then(
        (fetched) => {
          const bytes = Object.values(fetched).reduce((sum, value) => sum + bytesOf(value), 0)
          const fits = answers.fits(bytes)
          if (!fits) kept.delete(key)
          holders.set(fetched, fits ? Number.POSITIVE_INFINITY : asked.callers)
          return fetched
        },
        (error: unknown) => {
          kept.delete(key)
          throw error
        },
      )
      const asked = { answer, callers: 1 }
      kept.set(key, asked)
      return answer
    },
    giveBack(fetched) {
      const left = (holders.get(fetched) ?? 1) - 1
      if (left > 0) holders.set(fetched, left)
      else session.giveBack?.(fetched)
    },
    close: () => session.close(),
  }
}

function keyOf(feeds: Feeds): string {
  const parts = Object.entries(feeds).flatMap(([name, { dtype, dims, data }]) => {
    const head = `${name}:${dtype}:${dims.join(',')};`
    if (!ArrayBuffer.isView(data)) return [head, JSON.stringify(data)]
    return [head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]
  })
  return sha256(parts)
}

function bytesOf({ data }: TensorValue): number {
  return ArrayBuffer.isView(data)
    ? data.byteLength
    : data.reduce<number>((sum, text) => sum + String(text).length * 2, 0)
}
