import type { Feeds, Fetched, Session, TensorValue } from '../../engine/index.ts'
import { freeMemory, sha256 } from '../../platform/index.ts'

/** Of the machine's free memory so much may hold a model's answers; in any case so many bytes may. */
const OF_FREE = 1 / 8
const LEAST_BYTES = 2 ** 28

/**
 * What models answered, up to `byteBudget` bytes of outputs; it outlives the sessions that gave it. Where it is full, what
 * a model answered that was asked longer ago makes room. A text recogniser gives a megabyte a row: what does not fit is run
 * again each time.
 */
export class AnswerMemory {
  readonly #byteBudget: number
  /** By digest, the one that was asked last at the end. */
  readonly #models = new Map<string, Answers>()
  #held = 0

  constructor(byteBudget = Math.max(LEAST_BYTES, OF_FREE * freeMemory())) {
    this.#byteBudget = byteBudget
  }

  /** Answers of the model of this digest, which is about to be asked. */
  of(digest: string): Answers {
    const answers = this.#models.get(digest) ?? new Answers((bytes) => this.#makeRoom(digest, bytes))
    this.#models.delete(digest)
    this.#models.set(digest, answers)
    return answers
  }

  /** Whether so many bytes more of this model may be kept. */
  #makeRoom(digest: string, bytes: number): boolean {
    // What made room itself is asked for to its end, and keeps nothing more.
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
  /** How many were given a result and may give it back; no end of them for one that is kept. */
  readonly holders = new WeakMap<Fetched, number>()
  /** Whether there is room for so many bytes more, which are taken then. */
  readonly #takeRoom: (bytes: number) => boolean
  /** Bytes of what is kept. */
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
 * A session that answers the same feeds from memory: the original meets the same rows once for every candidate, and a
 * candidate that is judged on more rows has answered the first. What there is no room for is run again each time.
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
      // Kept before it is there: two candidates that are judged at a time ask for the same rows.
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
