import { expect, test } from 'vitest'
import { Budget } from './budget.ts'
import { timeLosslessAgain, timingAgain } from './lossless-again.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'

/** A pool whose lossless model takes this share of the original's time, and the timings that were asked for. */
function poolOf(ci: readonly [number, number], fits: boolean) {
  const asked: number[] = []
  const lossless = {
    built: { spec: { id: 'lossless' } },
    result: { ratio: { other: 'lossless', median: (ci[0] + ci[1]) / 2, ci } },
  }
  const pool = staged<Pool>({
    lossless,
    fitsGoal: () => fits,
    time: async (_, seconds) => {
      asked.push(seconds)
      return null
    },
  })
  return { pool, asked }
}

test('what no moment showed is timed again in the time that was kept for proofs, and is not left out any more', async () => {
  let now = 0
  const budget = new Budget(120_000, () => now)
  // Forty per cent of the time are kept for proofs that may never be made.
  budget.keepForProof(1000, { answering: 0, judging: 1 }, 0)
  now = 65_000
  expect(budget.left).toBeLessThan(0)
  budget.leaveOut(timingAgain('lossless'))
  const { pool, asked } = poolOf([0.4, 1.3], false)
  await timeLosslessAgain(pool, budget)
  expect(asked).toEqual([20])
  expect(budget.warning).toBeNull()
})

test.each([
  ['shown to be as fast', [0.75, 0.8], true],
  ['shown to be no faster', [0.99, 1.04], false],
] as const)('not where it was %s', async (_, ci, fits) => {
  const { pool, asked } = poolOf(ci, fits)
  await timeLosslessAgain(pool, new Budget(120_000))
  expect(asked).toEqual([])
})
