import { expect, test } from 'vitest'
import { LEARNING_RUNS } from '../recipe/index.ts'
import { Budget } from './budget.ts'
import { couldBeNearer, learned } from './learned.ts'
import type { Pool } from './pool.ts'
import type { Trial } from './trial.ts'

const trial = { built: { spec: { id: 'weight-int4', words: 'codes', scheme: 'weight-int4' } } } as unknown as Trial

/** A pool that only notes what it is asked for, on a model of which a run takes so many milliseconds. */
function poolOf(runMs: number, { target = 'native', rows = 100 } = {}) {
  const asked: string[] = []
  const pool = {
    bench: { target, rows: { calibrate: { indices: Array(rows).fill(0) } }, seen: { runMs } },
    affords: () => true,
    build: async (spec: Trial['built']['spec']) => {
      asked.push(`build ${spec.id}, ${spec.rounding}`)
      return { built: { spec } }
    },
    borrowTiming: (_: Trial, from: Trial) => asked.push(`time of ${from.built.spec.id}`),
    climb: async () => asked.push('judge'),
  }
  return { pool: pool as unknown as Pool, asked }
}

test('what would take more than half of the time left is not begun, and told', async () => {
  const budget = new Budget(60_000, () => 0)
  const slow = poolOf((budget.left / 2 / LEARNING_RUNS) * 1000 * 1.01)
  expect(await learned(slow.pool, budget, trial)).toBeNull()
  expect(slow.asked).toEqual([])
  expect(budget.warning).toMatch(/weight-int4-learned \(about 2\d s to learn\)/)
  const quick = poolOf((budget.left / 2 / LEARNING_RUNS) * 1000 * 0.99)
  expect((await learned(quick.pool, budget, trial))?.built.spec.id).toBe('weight-int4-learned')
  expect(quick.asked).toEqual(['build weight-int4-learned, learned', 'time of weight-int4', 'judge'])
})

test('nothing is learned from a few rows, or for processors that saturate', async () => {
  for (const given of [{ rows: 15 }, { target: 'portable' }]) {
    const { pool, asked } = poolOf(0, given)
    expect(await learned(pool, new Budget(60_000, () => 0), trial)).toBeNull()
    expect(asked).toEqual([])
  }
})

test('other roundings matter where nothing passed, or too much noise is left', () => {
  const judged = (verdict: string, sqnrDb: number) =>
    couldBeNearer({ comparison: { verdict, outputs: [{ sqnrDb }] } } as unknown as Trial)
  expect(couldBeNearer({ comparison: null } as Trial)).toBe(false)
  expect([judged('pass', 40), judged('pass', 20), judged('inconclusive', 40), judged('regressed', 20)]).toEqual([
    false,
    true,
    true,
    true,
  ])
})
