import type { Feeds, Fetched, Session, TensorValue } from '../../engine/index.ts'
import { freeMemory, sha256 } from '../../platform/index.ts'

/** Of the machine's free memory so much may hold a model's answers; in any case so many bytes may. */
const OF_FREE = 1 / 8
const LEAST_BYTES = 2 ** 28

/**
 * What a model answered, up to `byteBudget` bytes of outputs; it outlives the session that gave it. A text recogniser
 * gives a megabyte a row: what does not fit is run again for every candidate, at the cost of a run of the original.
 */
export class Answers {
  readonly kept = new Map<string, { readonly answer: Promise<Fetched>; callers: number }>()
  /** How many were given a result and may give it back; no end of them for one that is kept. */
  readonly holders = new WeakMap<Fetched, number>()
  readonly byteBudget: number
  held = 0

  constructor(byteBudget = Math.max(LEAST_BYTES, OF_FREE * freeMemory())) {
    this.byteBudget = byteBudget
  }
}

/**
 * A session that answers the same feeds from memory: the original meets the same rows once for every candidate, and a
 * candidate that is judged on more rows has answered the first. What is beyond the budget is run again each time.
 */
export function memoSession(session: Session, answers = new Answers()): Session {
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
          const fits = answers.held + bytes <= answers.byteBudget
          if (fits) answers.held += bytes
          else kept.delete(key)
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
