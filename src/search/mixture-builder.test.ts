import { expect, test } from 'vitest'
import type { CandidateSpec } from '../recipe/index.ts'
import { Budget } from './budget.ts'
import { MixtureBuilder } from './mixture-builder.ts'
import { placementSpecs } from './plan.ts'
import type { Pool } from './pool.ts'

/** Whether kernels are timed for a mixture where a search of 60 seconds has taken so many, and knows roundings or does not. */
async function byKernels(elapsed: number, followed = false) {
  let ms = 0
  const budget = new Budget(60_000, () => ms)
  budget.keepForProof(300, { answering: 0.022, judging: 0.045 }, 1.2)
  ms = 1000 * elapsed
  const built: CandidateSpec[] = []
  const bench = {
    seen: { openMs: 180, runMs: 22 },
    build: async (spec: CandidateSpec) => {
      built.push(spec)
      return { expectedNoise: 0.1 }
    },
  }
  const pool = {
    bench,
    trials: [],
    affords: () => true,
    firstRowsSeconds: (count: number) => count / 2,
  } as unknown as Pool
  const typical = placementSpecs().find(({ id }) => id === 'int8-typical-minmax')!
  const builder = new MixtureBuilder(pool, budget)
  if (followed) expect(await builder.foretold(typical, 'a mixture')).toBe(0.1)
  // Its own noise asks for no costs.
  expect(built.map((spec) => spec.measuredCosts)).toEqual(followed ? [false] : [])
  const { measuredCosts } = builder.specOf(typical, 1)
  return { left: Math.round(budget.left), measuredCosts, told: budget.leftOut.join('; ') }
}

test('kernels are timed for a mixture only where time is left behind them to follow roundings, to build and to judge', async () => {
  // They take four seconds, the rest of a mixture five and a half: of eleven that are left too much to be sure of both.
  expect(await byKernels(19)).toMatchObject({
    left: 11,
    measuredCosts: false,
    told: expect.stringContaining('mixtures by what kernels take here'),
  })
  expect(await byKernels(5)).toMatchObject({ left: 25, measuredCosts: true })
  // What roundings do is known: two mixtures on their first rows take a second.
  expect(await byKernels(19, true)).toMatchObject({ left: 11, measuredCosts: true })
  expect(await byKernels(24, true)).toMatchObject({ left: 6, measuredCosts: true })
  expect(await byKernels(26, true)).toMatchObject({ left: 4, measuredCosts: false })
})
