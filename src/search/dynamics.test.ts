import { expect, test } from 'vitest'
import type { CandidateSpec } from '../recipe/index.ts'
import { Budget, TooLong } from './budget.ts'
import { isMendable, mended } from './dynamics.ts'
import type { Mixtures } from './mixtures.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

const MINUTE = 60_000
const PLAIN: CandidateSpec = { id: 'dynamic-int8', words: '', scheme: 'dynamic-int8' }

/** A candidate whose worst output keeps so many decibels. */
const trialOf = (spec: CandidateSpec, sqnrDb: number): Trial =>
  staged<Trial>({
    built: { spec },
    result: {},
    comparison: { verdict: 'inconclusive', n: 40, outputs: [{ name: 'y', sqnrDb, noiseRows: 40 }] },
  })

/** Dynamic integers that keep `whole` decibels, and `divided` where channels of outliers are divided. */
function search(whole: number, divided: number | 'none' | 'too long') {
  const asked: string[] = []
  const pool = staged<Pool>({
    bench: { rows: { calibrate: { indices: [0, 1] } } },
    affords: () => true,
    secure: ({ comparison }) => comparison!.outputs[0]!.sqnrDb! >= 27,
    build: async (spec) => {
      asked.push(`build ${spec.id}`)
      if (divided === 'too long') throw new TooLong('channels', 100, 1)
      return divided === 'none' ? null : trialOf(spec, divided)
    },
    climb: async ({ built }) => void asked.push(`judge ${built.spec.id}`),
    note: (_, note) => void asked.push(note),
  })
  const of = async ({ built }: Trial) => {
    asked.push(`mix ${built.spec.id}`)
    return []
  }
  const mixtures = staged<Mixtures>({ of })
  const budget = new Budget(MINUTE, () => 0)
  const trial = trialOf(PLAIN, whole)
  return { asked, pool, trial, budget, mend: () => mended(pool, budget, mixtures, trial) }
}

test('channels of outliers are divided first, and the quietest is mixed with float only where that is not enough', async () => {
  const enough = search(22, 30)
  expect((await enough.mend()).map(({ built }) => built.spec.id)).toEqual(['dynamic-int8-outliers'])
  expect(enough.asked).toEqual(['build dynamic-int8-outliers', 'judge dynamic-int8-outliers'])
  const helps = search(18, 23)
  await helps.mend()
  expect(helps.asked.at(-1)).toBe('mix dynamic-int8-outliers')
  const harms = search(23, 18)
  await harms.mend()
  expect(harms.asked.at(-1)).toBe('mix dynamic-int8')
})

test('where nothing stands out, or there is no time to look at channels, the candidate itself is mixed', async () => {
  for (const none of ['none', 'too long'] as const) {
    const other = search(22, none)
    await other.mend()
    expect(other.asked).toEqual(['build dynamic-int8-outliers', 'mix dynamic-int8'])
    if (none === 'too long') expect(other.budget.leftOut.join('; ')).toContain('dynamic-int8-outliers')
  }
})

test('dynamic integers are mended where they lack a little, not where they are secure or far too loud', () => {
  const mendable = (decibels: number, spec = PLAIN) => isMendable(search(0, 0).pool, trialOf(spec, decibels))
  expect([10, 16, 26, 28].map((decibels) => mendable(decibels))).toEqual([false, true, true, false])
  expect(mendable(22, { ...PLAIN, pass: { oneScale: true } })).toBe(false)
  expect(mendable(22, { ...PLAIN, scheme: 'weight-int8' })).toBe(false)
  expect(mendable(22, { ...PLAIN, base: 'spare40' })).toBe(false)
})
