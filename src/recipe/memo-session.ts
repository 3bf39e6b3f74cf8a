import type { Feeds, Fetched, Session, TensorValue } from '../engine/index.ts'
import { sha256 } from '../platform/index.ts'

/** What a model answered, up to `byteBudget` bytes of outputs; it outlives the session that gave it. */
export class Answers {
  readonly kept = new Map<string, Promise<Fetched>>()
  readonly byteBudget: number
  held = 0

  constructor(byteBudget = 256 * 2 ** 20) {
    this.byteBudget = byteBudget
  }
}

/**
 * A session that answers the same feeds from memory: the original meets the same rows once for every candidate, and a
 * candidate that is judged on more rows has answered the first. What is beyond the budget is run again each time.
 */
export function memoSession(session: Session, answers = new Answers()): Session {
  const { kept } = answers
  return {
    ...session,
    run(feeds, fetch) {
      if (fetch) return session.run(feeds, fetch)
      const key = keyOf(feeds)
      const known = kept.get(key)
      if (known) return known
      // Kept before it is there: two candidates that are judged at a time ask for the same rows.
      const answer = session.run(feeds).then(
        (fetched) => {
          const bytes = Object.values(fetched).reduce((sum, value) => sum + bytesOf(value), 0)
          if (answers.held + bytes > answers.byteBudget) kept.delete(key)
          else answers.held += bytes
          return fetched
        },
        (error: unknown) => {
          kept.delete(key)
          throw error
        },
      )
      kept.set(key, answer)
      return answer
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
