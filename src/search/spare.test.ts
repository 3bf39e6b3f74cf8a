import { expect, test } from 'vitest'
import type { CandidateSpec } from '../recipe/index.ts'
import { Budget } from './budget.ts'
import type { Pool } from './pool.ts'
import { leaveOutSpare } from './spare.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

/** A search whose best candidate has `decibels`, and what leaving out channels at a strength would come to. */
function searchOf(
  decibels: number,
  outcomes: Readonly<Record<string, { readonly gone: number; readonly decibels: number; readonly slower?: boolean }>>,
  { spentMs = 0, readingMs = 0 } = {},
) {
  let now = 0
  const budget = new Budget(60_000, () => now)
  now = spentMs
  const asked: string[] = []
  const trialOf = (spec: CandidateSpec, noise: number, median: number): Trial =>
    staged<Trial>({
      built: { spec, bytes: 1 },
      result: { ratio: { median, ci: [median - 0.01, median + 0.01] } },
      comparison: {
        verdict: 'inconclusive',
        outputs: [{ name: 'y', sqnrDb: noise }],
      },
      dropped: false,
    })
  const best = trialOf({ id: 'int8', words: 'int8' }, decibels, 0.5)
  const trials = [best]
  const pool = staged<Pool>({
    trials,
    lossless: undefined,
    bench: {
      rows: { calibrate: { indices: [0, 1, 2] } },
      hasProducts: async () => true,
      addSpared: async (name) => {
        if (readingMs > 0) {
          const tick = budget.meter('windows')
          for (let row = 1; row <= 32; row++) {
            now += readingMs
            tick(row, 32)
          }
        }
        const outcome = outcomes[name]
        return outcome ? { gone: outcome.gone, of: 100, whole: [{ node: 'c', reason: 'too wide' }] } : null
      },
    },
    inOrder: (list) => list,
    hopeless: () => false,
    secure: () => true,
    standing: ({ result }) => ({ figure: result.ratio!.median, interval: result.ratio!.ci, bytes: 1 }),
    build: async (spec) => {
      const { decibels: noise, slower } = outcomes[spec.base!]!
      asked.push(spec.id)
      const trial = trialOf(spec, noise, slower ? 0.6 : 0.4)
      trials.push(trial)
      return trial
    },
    time: async () => null,
    climb: async () => {},
    drop: (trial, why) => {
      trial.dropped = true
      asked.push(`${trial.built.spec.id}: ${why}`)
    },
  })
  return { asked, trials, budget, run: () => leaveOutSpare(pool, budget) }
}

test('the strongest that brings in no more noise than the roundings did is kept', async () => {
  const search = searchOf(40, {
    spare35: { gone: 60, decibels: 34 },
    spare40: { gone: 40, decibels: 37.5 },
    spare45: { gone: 20, decibels: 39 },
  })
  await search.run()
  expect(search.asked).toEqual(['int8-spare35', 'int8-spare35: more noise than int8 and as much again', 'int8-spare40'])
  expect(search.trials.map(({ dropped }) => dropped)).toEqual([false, true, false])
  expect(search.trials.at(-1)!.result.whole).toEqual([{ node: 'c', reason: 'too wide' }])
})

test('beside louder roundings more may go; what saves no time ends it, and so does a lack of time', async () => {
  const loud = searchOf(30, { spare30: { gone: 60, decibels: 27.5 } })
  await loud.run()
  expect(loud.asked).toEqual(['int8-spare30'])
  const slow = searchOf(40, { spare35: { gone: 9, decibels: 38, slower: true }, spare40: { gone: 5, decibels: 39 } })
  await slow.run()
  expect(slow.asked).toEqual(['int8-spare35', 'int8-spare35: nothing gained beside int8'])
  const late = searchOf(40, { spare35: { gone: 60, decibels: 37.5 } }, { spentMs: 50_000 })
  await late.run()
  expect(late.asked).toEqual([])
  expect(late.budget.leftOut.join('; ')).toMatch(/int8 without spare channels/)
  const slowRows = searchOf(40, { spare35: { gone: 60, decibels: 37.5 } }, { readingMs: 2000 })
  await slowRows.run()
  expect(slowRows.asked).toEqual([])
  expect(slowRows.budget.leftOut.join('; ')).toMatch(/int8 without spare channels/)
})
