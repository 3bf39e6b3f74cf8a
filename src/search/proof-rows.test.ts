import { expect, test } from 'vitest'
import { Budget } from './budget.ts'
import type { Pool } from './pool.ts'
import { proofRowsWithin } from './proof-rows.ts'
import type { Trial } from './trial.ts'

/** Of 800 proof rows those that are proven on, where the original takes 100 ms and either finalist 50. */
async function rowsOf(seconds: number, elapsed: number, { kept = false, openMs = 0, judging = 0.05 } = {}) {
  let ms = 0
  const budget = new Budget(seconds * 1000, () => ms)
  budget.keepForProof(800, judging)
  ms = elapsed * 1000
  const bench = { seen: { openMs, runMs: 100 }, isJudged: async () => kept }
  const pool = { bench, baseline: { p50Ms: 100 }, proofRows: 800 } as unknown as Pool
  const trial = { result: { p50Ms: 50 }, built: {} } as unknown as Trial
  return proofRowsWithin(pool, budget, [trial, trial])
}

test('the proof takes all rows where there is time, else half of them, or half of these', async () => {
  // 200 ms a row: 160 s for all of them.
  expect(await rowsOf(300, 100)).toBe(800)
  // As much time again is granted: 335 and 132 s are left.
  expect(await rowsOf(300, 240)).toBe(800)
  expect(await rowsOf(100, 60)).toBe(400)
  // Where the time is over, what is left of that: 25 s, and nothing.
  expect(await rowsOf(60, 90)).toBe(100)
  expect(await rowsOf(1, 90)).toBe(12)
})

test('what an earlier search has proven is used, however little time is left', async () => {
  expect(await rowsOf(60, 90, { kept: true })).toBe(800)
})

test('what opening takes is not saved by fewer rows, and a few slow first rows do not foretell hundreds', async () => {
  expect(await rowsOf(60, 30)).toBe(400)
  expect(await rowsOf(60, 30, { openMs: 20_000 })).toBe(100)
  // 403 ms a row at the most.
  expect(await rowsOf(300, 300, { judging: 60 })).toBe(400)
})
