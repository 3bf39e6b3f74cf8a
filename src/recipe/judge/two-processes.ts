import type { Fetched, IsolatedSession, Session } from '../../engine/index.ts'

/**
 * A session that runs rows in two processes side by side while nobody else wants the processors (`alone`). A judged model
 * has one thread, as it is timed: with a single candidate under judgement all other processors would wait for it. The
 * second process is started when the first has run for as long as it took to load, so that a few rows do not pay for it,
 * and where it cannot be started, as for want of memory, the first goes on by itself.
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
        // What waited behind another run is counted twice: then there are rows enough.
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
  /** Runs that were asked for and have not ended. */
  asked: number
}
