import type { Feeds, IsolatedSession } from '../../engine/index.ts'
import { estimateEnergy, type LatencySubject, measureEnergy, type PriceTable } from '../../evaluate/index.ts'
import { readEnergy } from '../../platform/index.ts'
import type { LatencyOf } from '../../report/index.ts'

/** What takes a process of its own after the timing: allocations, and energy where a counter can be read. */
export async function benchExtras(
  subjects: readonly LatencySubject[],
  measured: readonly LatencyOf[],
  feeds: Feeds,
  rows: number,
  {
    open,
    prices,
    threads,
  }: {
    readonly open: (subject: LatencySubject) => Promise<IsolatedSession>
    readonly prices: PriceTable
    readonly threads: number
  },
): Promise<readonly Pick<LatencyOf, 'allocations' | 'energy'>[]> {
  const counter = readEnergy()
  const sessions: IsolatedSession[] = []
  try {
    for (const subject of subjects) sessions.push(await open(subject))
    const energy = 'reason' in counter ? counter : await measureEnergy(sessions, feeds, rows)
    const found: Pick<LatencyOf, 'allocations' | 'energy'>[] = []
    for (const [i, session] of sessions.entries()) {
      await session.timeRuns(feeds, 1, 2)
      const msOfRun = (await session.timeRuns(feeds, 1))[0]! / 1e6
      const runs = Math.max(2, Math.min(50, Math.round(500 / msOfRun)))
      found.push({
        allocations: await session.allocations(feeds, runs),
        energy:
          'reason' in energy
            ? estimateEnergy(secondsPerAnswer(measured[i]!, msOfRun, rows), threads, prices, energy.reason)
            : energy[i]!,
      })
    }
    return found
  } finally {
    for (const session of sessions) await session.close()
  }
}

/** Busy seconds: under a load with pauses the throughput says nothing of them. */
const secondsPerAnswer = (model: LatencyOf, msOfRun: number, rows: number) =>
  model.load ? msOfRun / 1000 / rows : 1 / model.throughput
