import { expect, test } from 'vitest'
import { Budget } from './budget.ts'
import { MixtureBuilder } from './mixture-builder.ts'
import { placementSpecs } from './plan.ts'
import type { Pool } from './pool.ts'

/** Whether kernels are timed for a mixture where a search of 60 seconds has taken so many. */
function byKernels(elapsed: number) {
  let ms = 0
  const budget = new Budget(60_000, () => ms)
  budget.keepForProof(300, { answering: 0.022, judging: 0.045 }, 1.2)
  ms = 1000 * elapsed
  const pool = { bench: { seen: { openMs: 180, runMs: 22 } }, trials: [] } as unknown as Pool
  const typical = placementSpecs().find(({ id }) => id === 'int8-typical-minmax')!
  const { measuredCosts } = new MixtureBuilder(pool, budget).specOf(typical, 1)
  return { left: Math.round(budget.left), measuredCosts, told: budget.warning }
}

test('kernels are timed for a mixture only where time is left behind them to follow roundings, to build and to judge', () => {
  // They take four seconds, the rest of a mixture five and a half: of eleven that are left too much to be sure of both.
  expect(byKernels(19)).toMatchObject({
    left: 11,
    measuredCosts: false,
    told: expect.stringContaining('mixtures by what kernels take here'),
  })
  expect(byKernels(5)).toMatchObject({ left: 25, measuredCosts: true })
})
