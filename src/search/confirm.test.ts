import { expect, test } from 'vitest'
import { Budget } from './budget.ts'
import type { Choice } from './choose.ts'
import { confirm } from './confirm.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

/** What is handed out of `fast` (passed) and `slow` (close) where these have a reason against them when timed again. */
async function confirmed(against: Readonly<Record<string, string>>, unfit: readonly string[] = []) {
  const trials = new Map(
    ['fast', 'slow'].map((id) => [id, staged<Trial>({ built: { spec: { id } }, result: { ratio: null } })]),
  )
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

/** A pool whose candidates show these intervals, timing by timing, and who was timed. */
function poolOf(shown: Readonly<Record<string, readonly (readonly [number, number])[]>>) {
  const asked: string[] = []
  const trials = Object.keys(shown).map((id) => ({ built: { spec: { id } }, result: { ratio: null as object | null } }))
  const ratioOf = ({ result }: { readonly result: object }) =>
    (result as { readonly ratio: { readonly ci: readonly [number, number] } }).ratio
  const pool = staged<Pool>({
    get: (id) => trials.find(({ built }) => built.spec.id === id)!,
    fitsGoal: (trial) => ratioOf(trial as never).ci[1] < 1.02,
    whyHopeless: (result) => (ratioOf(result as never).ci[1] < 1 ? null : 'not shown to be faster'),
    note: () => {},
    time: async ([trial]) => {
      const { id } = (trial as never as (typeof trials)[number]).built.spec
      const ci = shown[id]![asked.filter((one) => one === id).length]!
      asked.push(id)
      ;(trial as never as (typeof trials)[number]).result.ratio = { median: (ci[0] + ci[1]) / 2, ci }
      return null
    },
  })
  return { pool, asked }
}

const chosen = staged<Choice>({
  id: 'fast',
  reason: 'the best',
  ranked: ['fast', 'slow'].map((id) => ({ id, proof: { verdict: 'inconclusive' } })),
})

test.each([
  ['shown at once: timed once', [[0.7, 0.8]], 'fast', ['fast']],
  [
    'hidden by a disturbance: timed a second time',
    [
      [0.7, 1.09],
      [0.7, 0.8],
    ],
    'fast',
    ['fast', 'fast'],
  ],
  [
    'hidden twice: the next',
    [
      [0.7, 1.09],
      [0.6, 1.15],
    ],
    'slow',
    ['fast', 'fast', 'slow'],
  ],
  ['not faster, and precisely so: the next', [[0.99, 1.03]], 'slow', ['fast', 'slow']],
] as const)('a chosen candidate is %s', async (_, fast, handedOut, timed) => {
  const { pool, asked } = poolOf({ fast, slow: [[0.85, 0.95]] })
  const { id, reason } = await confirm(pool, new Budget(60_000), chosen)
  expect(id).toBe(handedOut)
  expect(asked).toEqual(timed)
  if (id === 'slow') expect(reason).toContain('fast was not confirmed to be better')
})
