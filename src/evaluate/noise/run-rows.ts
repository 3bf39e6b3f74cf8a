import type { Dataset, Rows } from '../../data/index.ts'
import type { Feeds, Fetched, Session } from '../../engine/index.ts'
import { feedsOf } from '../feeds/feeds.ts'

/** Half of the runs left are spared by another session: twice what it takes to open, and what handing it the model takes. */
const LEAST_WORTH_MS = 150

export interface RunRowsOptions {
  readonly indices: readonly number[]
  /** Rows of one run. */
  readonly batch: number
  /** What a session takes to open, in milliseconds. */
  readonly loadMs: number
  /**
   * Opens one more session of the same model. Called once, where the runs left are worth it; what it opens joins when it
   * is there. `wanted` tells whether runs are still to begin.
   */
  readonly openAnother: (wanted: () => boolean) => Promise<Session | null>
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs all rows, on one session or on two. Runs end in any order; `take` is given their outputs in the order of the
 * rows, `count` rows at a time.
 */
export async function runRows(
  first: Session,
  data: Dataset,
  { indices, batch, loadMs, openAnother, signal }: RunRowsOptions,
  take: (feeds: Feeds, fetched: Fetched, count: number) => void,
): Promise<void> {
  const sessions = [first]
  /** Runs that each session has begun and not ended. */
  const busy = new Map([[first, 0]])
  const running: Promise<() => void>[] = []
  let joining: Promise<void> | undefined
  let begun = 0

  const start = ({ indices: { length: count } }: Rows, feeds: Feeds) => {
    const session = sessions.reduce((a, b) => (busy.get(b)! < busy.get(a)! ? b : a))
    busy.set(session, busy.get(session)! + 1)
    const run = session.run(feeds).finally(() => busy.set(session, busy.get(session)! - 1))
    running.push(run.then((fetched) => () => take(feeds, fetched, count)))
    begun++
  }
  const join = () =>
    openAnother(() => begun * batch < indices.length).then((another) => {
      if (!another) return
      busy.set(another, 0)
      sessions.push(another)
    })

  try {
    for await (const part of readAhead(data.read({ indices, batch }))) {
      signal?.throwIfAborted()
      const feeds = feedsOf(part, first.inputs, data)
      const started = performance.now()
      start(part, feeds)
      // The first run is waited for, since it tells what a run takes; then a session has its next row at hand when it
      // ends one.
      while (running.length >= (begun === 1 ? 1 : 2 * sessions.length)) (await running.shift()!)()
      if (begun !== 1) continue
      const leftMs = ((performance.now() - started) * (indices.length - part.indices.length)) / batch
      if (leftMs <= Math.max(LEAST_WORTH_MS, 4 * loadMs)) continue
      joining = join()
      joining.catch(() => {})
    }
    for (const run of running.splice(0)) (await run)()
  } finally {
    await Promise.allSettled([...running, joining])
  }
  await joining
}

/** The same, the next one on its way while whoever asked is busy with one. */
async function* readAhead<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const items = source[Symbol.asyncIterator]()
  try {
    let next = items.next()
    for (let item = await next; !item.done; item = await next) {
      next = items.next()
      // A failure is told to who asks for it.
      next.catch(() => {})
      yield item.value
    }
  } finally {
    await items.return?.()
  }
}
