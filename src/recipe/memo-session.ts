import type { Feeds, Fetched, Session, TensorValue } from '../engine/index.ts'
import { sha256 } from '../platform/index.ts'

/**
 * A session that answers the same feeds from memory: the original meets the same rows once for every candidate. Keeps
 * outputs up to `byteBudget` (256 MB unless said); what comes after is run again each time.
 */
export function memoSession(session: Session, byteBudget = 256 * 2 ** 20): Session {
  const kept = new Map<string, Promise<Fetched>>()
  let held = 0
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
          if (held + bytes > byteBudget) kept.delete(key)
          else held += bytes
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
