import type { IsolatedSession } from '../../engine/index.ts'

/**
 * The four ways of asking that MLPerf Inference tells apart.
 *
 * Source: MLPerf Inference rules, section "Scenarios".
 */
export const SCENARIOS = {
  /** The next query comes when the one before is answered; 90th percentile. */
  'single-stream': { percentile: 0.9, queryRows: 1 },
  /** The same with eight rows a query; 99th percentile. */
  'multi-stream': { percentile: 0.99, queryRows: 8 },
  /** Queries come when they like, at random; 99th percentile of the time from the arrival. */
  server: { percentile: 0.99, queryRows: 1 },
  /** All rows are there at once: rows a second. */
  offline: { percentile: 0.99, queryRows: 32 },
} as const

/** How queries come; the names of MLPerf Inference. */
export type Scenario = keyof typeof SCENARIOS

/**
 * A session whose run is a whole query: `runs` runs of the model, one after the other. For models that take fewer rows
 * at a time than a query has.
 */
export function queriesOf(session: IsolatedSession, runs: number): IsolatedSession {
  if (runs === 1) return session
  return Object.create(session, {
    timeRuns: {
      async value(feeds: Parameters<IsolatedSession['timeRuns']>[0], count: number, warm = 0): Promise<Float64Array> {
        const ns = await session.timeRuns(feeds, count * runs, warm * runs)
        return Float64Array.from({ length: count }, (_, query) => {
          let sum = 0
          for (let i = 0; i < runs; i++) sum += ns[query * runs + i] as number
          return sum
        })
      },
    },
  }) as IsolatedSession
}
