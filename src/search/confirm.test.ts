import { expect, test } from 'vitest'
import type { Budget } from './budget.ts'
import type { Choice } from './choose.ts'
import { confirm } from './confirm.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

/** What is handed out of `fast` (passed) and `slow` (close) where these have a reason against them when timed again. */
async function confirmed(against: Readonly<Record<string, string>>, unfit: readonly string[] = []) {
  const trials = new Map(['fast', 'slow'].map((id) => [id, staged<Trial>({ built: { spec: { id } } })]))
  const idOf = (trial: Trial) => trial.built.spec.id
  const notes: string[] = []
  const timed: string[] = []
  const pool = staged<Pool>({
    get: (id) => trials.get(id)!,
    time: async (those) => {
      timed.push(...those.map((trial) => idOf(trial as Trial)))
      return null
    },
    whyHopeless: (trial) => against[idOf(trial as Trial)] ?? null,
    fitsGoal: (trial) => !unfit.includes(idOf(trial as Trial)),
    note: (trial, words) => notes.push(`${idOf(trial as Trial)}: ${words}`),
  })
  const ranked = [
    { id: 'fast', proof: { verdict: 'pass' } },
    { id: 'slow', proof: { verdict: 'inconclusive' } },
  ]
  const choice = staged<Choice>({ id: 'fast', reason: 'fast was the best.', ranked: ranked as never })
  const { id, reason, proof } = await confirm(pool, staged<Budget>({ timing: () => ({}) as never }), choice)
  return { id, reason, proof, notes, timed }
}

test('what is confirmed is handed out as it was chosen, and nothing behind it is timed', async () => {
  expect(await confirmed({})).toMatchObject({ id: 'fast', reason: 'fast was the best.', notes: [], timed: ['fast'] })
})

test('what is not has the next in its place, and where none is confirmed the original', async () => {
  const slower = { fast: 'slower' }
  expect(await confirmed(slower)).toMatchObject({
    ...{ id: 'slow', proof: { verdict: 'inconclusive' }, timed: ['fast', 'slow'] },
    reason:
      'fast was not confirmed to be better when timed again alone, so slow, the next best that stays close, is handed out.',
    notes: ['fast: not confirmed when timed again alone: slower'],
  })
  expect(await confirmed(slower, ['slow'])).toMatchObject({
    ...{ id: 'original', proof: null },
    reason: 'fast, slow were not confirmed to be better when timed again alone.',
    notes: [expect.anything(), 'slow: not confirmed when timed again alone: not better in the goal'],
  })
})
