import { expect, test } from 'vitest'
import { LEARNING_RUNS } from '../recipe/index.ts'
import type { Target, Verdict } from '../report/index.ts'
import { Budget } from './budget.ts'
import type { Pool } from './pool.ts'
import { couldBeNearer, rounded, roundedNearer } from './rounded.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

const trial = staged<Trial>({ built: { spec: { id: 'weight-int4', words: 'codes', scheme: 'weight-int4' } } })

/** A pool that only notes what it is asked for, on a model of which a run takes so many milliseconds. */
function poolOf(runMs: number, { target = 'native' as Target, rows = 100, saturates = false } = {}) {
  const asked: string[] = []
  const pool = staged<Pool>({
    bench: { target, saturates, rows: { calibrate: { indices: Array(rows).fill(0) } }, seen: { runMs } },
    affords: () => true,
    build: async (spec) => {
      asked.push(`build ${spec.id}, ${spec.rounding}`)
      return { built: { spec }, comparison: { verdict: 'inconclusive' } }
    },
    borrowTiming: (_, from) => void asked.push(`time of ${from.built.spec.id}`),
    climb: async () => void asked.push('judge'),
  })
  return { pool, asked }
}

test('what would take more than half of the time left is not begun, and told', async () => {
  const budget = new Budget(60_000, () => 0)
  const slow = poolOf((budget.left / 2 / LEARNING_RUNS) * 1000 * 1.01)
  expect(await rounded(slow.pool, budget, trial, 'learned')).toBeNull()
  expect(slow.asked).toEqual([])
  expect(budget.leftOut.join('; ')).toMatch(/weight-int4-learned \(about 2\d s to learn\)/)
  const quick = poolOf((budget.left / 2 / LEARNING_RUNS) * 1000 * 0.99)
  expect((await rounded(quick.pool, budget, trial, 'learned'))?.built.spec.id).toBe('weight-int4-learned')
  expect(quick.asked).toEqual(['build weight-int4-learned, learned', 'time of weight-int4', 'judge'])
})

test('nothing is learned from a few rows, nor in 8 bits for processors that saturate', async () => {
  const made = async (of: Trial, given: Parameters<typeof poolOf>[1]) => {
    const { pool, asked } = poolOf(0, given)
    const next = await rounded(pool, new Budget(60_000, () => 0), of, 'learned')
    expect(asked.length > 0).toBe(next !== null)
    return next !== null
  }
  const integers = (weightBits: 4 | 8) =>
    staged<Trial>({ built: { spec: { id: 'int8', words: '', scheme: 'static-int8', pass: { weightBits } } } })
  expect(await made(trial, { rows: 15 })).toBe(false)
  expect(await made(integers(8), { target: 'portable' })).toBe(false)
  expect(await made(integers(8), {})).toBe(true)
  expect(await made(integers(8), { saturates: true })).toBe(false)
  expect(await made(integers(4), { saturates: true })).toBe(true)
  expect(await made(integers(4), { target: 'portable' })).toBe(true)
  expect(await made(trial, { target: 'portable' })).toBe(true)
})

test('products and stored convolutions are rounded the quick way first, which knows nothing else', async () => {
  const asked = async (planned: Record<string, number>, pass = {}) => {
    const { pool, asked: all } = poolOf(0)
    const built = { spec: { ...trial.built.spec, pass }, planned }
    await roundedNearer(pool, new Budget(60_000, () => 0), staged<Trial>({ built }))
    return all.filter((what) => what.startsWith('build'))
  }
  const learned = 'build weight-int4-learned, learned'
  expect(await asked({ MatMulNBits: 2 })).toEqual(['build weight-int4-gptq, gptq', learned])
  expect(await asked({}, { stored: true })).toEqual(['build weight-int4-gptq, gptq', learned])
  expect(await asked({})).toEqual([learned])
})

test('other roundings matter where nothing passed, or too much noise is left', () => {
  const judged = (verdict: Verdict, sqnrDb: number) =>
    couldBeNearer(staged<Trial>({ comparison: { verdict, outputs: [{ sqnrDb }] } }))
  expect(couldBeNearer({ comparison: null } as Trial)).toBe(false)
  expect([judged('pass', 40), judged('pass', 20), judged('inconclusive', 40), judged('regressed', 20)]).toEqual([
    false,
    true,
    true,
    true,
  ])
})
