import type { Feeds, IsolatedSession } from '../../engine/index.ts'
import { type EnergyCounter, joulesBetween, readEnergy } from '../../platform/index.ts'
import type { LatencyOf } from '../../report/index.ts'
import { median } from '../../statistics/index.ts'
import type { PriceTable } from './prices.ts'

type Energy = NonNullable<LatencyOf['energy']>

const BLOCKS = 4
const BLOCK_SECONDS = 0.5

/**
 * Joules an answer. Where the processor's counter can be read: of the whole package, while the model runs without a
 * pause, the models by turns (A B B A); what else the machine does meanwhile is in it. Elsewhere an estimate from watts,
 * which says nothing that the time does not: it is labelled and nothing is decided by it.
 */
export async function measureEnergy(
  sessions: readonly IsolatedSession[],
  feeds: Feeds,
  rows: number,
  read: () => readonly EnergyCounter[] | { readonly reason: string } = readEnergy,
): Promise<readonly Energy[] | { readonly reason: string }> {
  const first = read()
  if ('reason' in first) return first
  const joules = sessions.map((): number[] => [])
  for (let block = 0; block < BLOCKS; block++)
    for (const i of block % 2 ? [...sessions.keys()].reverse() : sessions.keys()) {
      const session = sessions[i] as IsolatedSession
      const ns = median(await session.timeRuns(feeds, 3, 1))
      const count = Math.max(1, Math.round((BLOCK_SECONDS * 1e9) / ns))
      const before = read()
      await session.timeRuns(feeds, count)
      const after = read()
      if ('reason' in before || 'reason' in after) return { reason: 'the energy counter went away' }
      ;(joules[i] as number[]).push(joulesBetween(before, after) / (count * rows))
    }
  return joules.map((values) => ({
    joulesPerAnswer: median(values),
    measured: true,
    how: `counters of ${first.map(({ name }) => name).join(', ')} (RAPL), the whole processor`,
  }))
}

/** The estimate: watts a thread, times the time that an answer keeps its threads busy. */
export function estimateEnergy(secondsPerAnswer: number, threads: number, prices: PriceTable, reason: string): Energy {
  return {
    joulesPerAnswer: prices.wattsPerThread * threads * secondsPerAnswer,
    measured: false,
    how: `estimate, not measured: ${reason}; ${prices.wattsPerThread} W a busy thread (${prices.wattsSource})`,
  }
}
