import type { Feeds, Session } from '../../engine/index.ts'

/** Looks at what a run takes: the least counts, since whatever disturbs only adds; no more of them where runs are slow. */
const LOOKS = 5
const LOOKING_MS = 500
/** An opening that took less is looked at once more. */
const QUICK_MS = 2000

/** Runs that show where the time goes, within so many milliseconds of the original; those before them are not counted. */
const [FEWEST_PROFILED, MOST_PROFILED, PROFILING_MS, WARMING] = [3, 20, 600, 2]

/**
 * How many runs of a model that takes `runMs` tell what its operators take, and how many are made in all. Of a slow one,
 * whatever disturbs is a smaller part, and fewer tell as much.
 */
export function profiledRuns(runMs: number): { readonly counted: number; readonly all: number } {
  const counted = Math.max(FEWEST_PROFILED, Math.min(MOST_PROFILED, Math.ceil(PROFILING_MS / runMs)))
  return { counted, all: WARMING + counted }
}

/** Milliseconds of the quickest of a few runs. */
export async function quickestRun(session: Session, feeds: Feeds): Promise<number> {
  let [least, all] = [Number.POSITIVE_INFINITY, 0]
  for (let look = 0; look < LOOKS && all < LOOKING_MS; look++) {
    const from = performance.now()
    await session.run(feeds)
    const ms = performance.now() - from
    least = Math.min(least, ms)
    all += ms
  }
  return least
}

/** A session that was just opened, with the milliseconds of the quicker of two openings. */
export async function openTimed<S extends Session>(open: () => Promise<S>): Promise<{ session: S; openMs: number }> {
  const timed = async () => {
    const from = performance.now()
    const session = await open()
    return { session, openMs: performance.now() - from }
  }
  const first = await timed()
  if (first.openMs >= QUICK_MS) return first
  const second = await timed().catch(async (error) => {
    await first.session.close()
    throw error
  })
  await second.session.close()
  return { session: first.session, openMs: Math.min(first.openMs, second.openMs) }
}
