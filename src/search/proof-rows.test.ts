import { expect, test } from 'vitest'
import { Budget } from './budget.ts'
import type { Pool } from './pool.ts'
import { affordsProof, proofRowsWithin } from './proof-rows.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

interface Case {
  readonly kept?: boolean
  readonly openMs?: number
  readonly judging?: number
  readonly processes?: number
  /** The odds of a pass by the rows that prove. */
  readonly odds?: (rows: number) => number
  readonly lossless?: boolean
}

/** Of 800 proof rows those that are proven on, where the original takes 100 ms and either finalist 50. */
async function rowsOf(
  seconds: number,
  elapsed: number,
  { kept = false, openMs = 0, judging = 0.05, processes = 1, odds = () => 0.5, lossless = false }: Case = {},
) {
  let ms = 0
  const budget = new Budget(seconds * 1000, () => ms)
  budget.keepForProof(800, { answering: 0, judging }, 0)
  ms = elapsed * 1000
  const bench = {
    seen: { openMs, runMs: 100 },
    processes,
    isJudged: async () => kept,
    canProve: (rows: number) => rows >= 268,
  }
  const trial = staged<Trial>({ result: { p50Ms: 50 }, built: {} })
  const pool = staged<Pool>({
    ...{ bench, baseline: { p50Ms: 100 }, proofRows: 800, lossless: lossless ? trial : undefined },
    odds: (_, rows = 800) => ({ pass: odds(rows) }),
  })
  return proofRowsWithin(pool, budget, [trial, trial])
}

test('the proof takes all rows where there is time, else half of them, or half of these', async () => {
  // 200 ms a row: 160 s for all of them, and 175, 35 and 10 s are left.
  expect(await rowsOf(300, 100)).toBe(800)
  expect(await rowsOf(100, 57)).toBe(100)
  expect(await rowsOf(60, 45)).toBe(50)
  // Where the time is over, those that take a tenth of it, and as few as there must be.
  expect(await rowsOf(60, 90)).toBe(25)
  expect(await rowsOf(1, 90)).toBe(12)
})

test('beyond the time it goes, by half of it, for rows that make a pass likelier alone', async () => {
  const enough = (rows: number) => (rows >= 268 ? 0.3 : 0)
  // 35 s are left and 85: for 100 rows and 400.
  expect(await rowsOf(100, 57, { odds: enough })).toBe(400)
  expect(await rowsOf(100, 57, { odds: (rows) => rows / 10_000 })).toBe(100)
  // 25 s and 55: 100 rows and 200, which prove nothing either.
  expect(await rowsOf(60, 30, { odds: enough })).toBe(100)
  // What changes no answer is proven by as many rows as prove anything.
  expect(await rowsOf(100, 57, { odds: () => 0, lossless: true })).toBe(400)
  expect(await rowsOf(60, 30, { odds: () => 1, lossless: true })).toBe(100)
})

test('what an earlier search has proven is used, however little time is left', async () => {
  expect(await rowsOf(60, 90, { kept: true })).toBe(800)
})

test('what opening takes is not saved by fewer rows, and a few slow first rows do not foretell hundreds', async () => {
  expect(await rowsOf(60, 10)).toBe(200)
  expect(await rowsOf(60, 10, { openMs: 10_000 })).toBe(50)
  // 403 ms a row at the most.
  expect(await rowsOf(300, 190, { judging: 60 })).toBe(200)
})

test('where a candidate runs in two processes its rows take half of its time, but no less than rows have taken', async () => {
  const [seconds, elapsed] = [60, 10]
  expect(await rowsOf(seconds, elapsed)).toBe(200)
  expect(await rowsOf(seconds, elapsed, { processes: 2, judging: 0.025 })).toBe(400)
  expect(await rowsOf(seconds, elapsed, { processes: 2, judging: 0.05 })).toBe(200)
})

test('one more is proven where opening both models and all rows fit into the time that is left', () => {
  // 12.5 ms a row for the candidate and as much for the original: 20 s of 800 rows, and 2 · openMs.
  const affords = (leftSeconds: number, openMs: number) => {
    const bench = { seen: { openMs, runMs: 12.5 }, processes: 1 }
    const pool = staged<Pool>({ bench, baseline: { p50Ms: 12.5 }, proofRows: 800 })
    const budget = staged<Budget>({ rate: () => 0.0125, leftToProve: () => leftSeconds })
    return affordsProof(pool, budget, staged<Trial>({ result: { p50Ms: 12.5 }, built: {} }))
  }
  expect([affords(20.1, 0), affords(19.9, 0)]).toEqual([true, false])
  expect([affords(30.1, 5000), affords(29.9, 5000)]).toEqual([true, false])
})
