import { expect, test } from 'vitest'
import type { CandidateSpec } from '../recipe/index.ts'
import { type Budget, TooLong } from './budget.ts'
import { BuildsInTime } from './builds-in-time.ts'
import { placementSpecs } from './plan.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'

/** What is asked to be built, where a row of histograms and a row of extremes take so many seconds. */
function buildsOf(histograms: number, extremes: number) {
  const asked: string[] = []
  const pool = staged<Pool>({
    bench: { rows: { calibrate: { indices: Array(128).fill(0) } } },
    buildAll: async (specs) => {
      const [{ calibration, samples = 128 }] = specs as readonly [CandidateSpec]
      asked.push(`${calibration} of ${samples}`)
      const seconds = samples * (calibration === 'minmax' ? extremes : histograms)
      if (seconds > granted) throw new TooLong('histograms', seconds, granted)
      return specs.map((spec) => ({ built: { spec } }))
    },
  })
  let granted = Number.POSITIVE_INFINITY
  const budget = staged<Budget>({
    leaveOut: () => {},
    async granting(seconds, work) {
      granted = seconds
      try {
        return await work()
      } catch (error) {
        return error
      } finally {
        granted = Number.POSITIVE_INFINITY
      }
    },
  })
  const builds = new BuildsInTime(pool, budget)
  return { asked, build: () => builds.inAnyCase(placementSpecs({ calibration: 'mse' }).slice(1, 2), 9) }
}

test('where histograms of the fewest rows take too long, extremes of as many rows as fit do', async () => {
  const cases = [
    [0.05, 0.01, ['mse of 128']],
    [0.2, 0.1, ['mse of 128', 'mse of 32']],
    [2, 0.05, ['mse of 128', 'minmax of 128']],
    [2, 0.2, ['mse of 128', 'minmax of 128', 'minmax of 32']],
    [9, 5, ['mse of 128', 'minmax of 128', 'minmax of 8']],
  ] as const
  for (const [histograms, extremes, expected] of cases) {
    const { asked, build } = buildsOf(histograms, extremes)
    await build()
    expect(asked).toEqual(expected)
  }
})
