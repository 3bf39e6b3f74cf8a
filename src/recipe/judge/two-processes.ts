import type { Fetched, IsolatedSession, Session } from '../../engine/index.ts'

/**
 * A session that runs rows in two processes side by side while nothing else needs the processors (`alone`). A judged
 * model has one thread, as it is timed, so while a single candidate is judged, all other processors would be idle. The
 * second process starts once the first has run for as long as it took to load, so that a few rows do not pay for it.
 * Where it cannot start, as for want of memory, the first goes on alone.
 *
 * @param open Opens the same model once more.
 */
export function inTwoProcesses(
  first: IsolatedSession,
  open: () => Promise<IsolatedSession>,
  alone: () => boolean,
): Session {
  const lanes: Lane[] = [{ session: first, asked: 0 }]
  const owners = new WeakMap<Fetched, IsolatedSession>()
  let ranMs = 0
  let second: Promise<unknown> | null = null
  const startSecond = () => {
    second = open().then(
      (session) => lanes.push({ session, asked: 0 }),
      () => null,
    )
  }
  return {
    ...first,
    atATime: 2,
    async run(feeds, fetch) {
      if (!second && ranMs > first.loadMs && alone()) startSecond()
      const free = alone() ? lanes : lanes.slice(0, 1)
      const lane = free.reduce((least, one) => (one.asked < least.asked ? one : least))
      const from = performance.now()
      lane.asked++
      try {
        const fetched = await lane.session.run(feeds, fetch)
        owners.set(fetched, lane.session)
        return fetched
      } finally {
        // A run that waited behind another is counted twice, which is harmless: then there are enough rows.
        ranMs += performance.now() - from
        lane.asked--
      }
    },
    giveBack: (fetched) => owners.get(fetched)?.giveBack?.(fetched),
    async close() {
      await second
      await Promise.all(lanes.map(({ session }) => session.close()))
    },
  }
}

interface Lane {
  readonly session: IsolatedSession
  /** Runs that were requested and have not ended. */
  asked: number
}
