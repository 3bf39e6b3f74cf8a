import { expect, test } from 'vitest'
import { CLOSE_DB } from '../evaluate/index.ts'
import type { CandidateSpec } from '../recipe/index.ts'
import { Budget } from './budget.ts'
import type { Mixtures } from './mixtures.ts'
import { Others } from './others.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

const trialOf = (spec: Partial<CandidateSpec>, sqnrDb: number | null): Trial =>
  staged<Trial>({
    built: { spec: { words: '', ...spec } as CandidateSpec },
    result: {},
    comparison: sqnrDb === null ? null : comparisonAt(sqnrDb),
    dropped: false,
  })

const comparisonAt = (sqnrDb: number) =>
  staged<NonNullable<Trial['comparison']>>({
    verdict: 'inconclusive',
    n: 40,
    outputs: [{ name: 'y', sqnrDb, noiseRows: 40 }],
  })

/** Dynamic integers that take as long as static ones, and lack six decibels, beside one that lacks so many. */
function searchBeside(missing: number, looks = Number.POSITIVE_INFINITY) {
  let looked = 0
  const asked: string[] = []
  const dynamic = trialOf({ id: 'dynamic-int8', scheme: 'dynamic-int8' }, null)
  const fixed = trialOf({ id: 'int8-minmax', scheme: 'static-int8', placement: 'int8' }, CLOSE_DB + 2 - missing)
  const judge = async (trial: Trial) => {
    asked.push(`judge ${trial.built.spec.id}`)
    trial.comparison = comparisonAt(CLOSE_DB + 2 - 6)
  }
  const pool = staged<Pool>({
    trials: [fixed, dynamic],
    lossless: undefined,
    bench: { rows: { calibrate: { indices: [0, 1] } } },
    hopeless: () => false,
    betterAndSafe: () => undefined,
    inOrder: (trials: readonly Trial[]) => trials,
    figure: () => 0.5,
    affords: () => true,
    affordsJudging: async () => ++looked <= looks,
    secure: () => false,
    judgeFirstRows: judge,
    climb: judge,
    note: () => {},
    noteNotJudged: (_, why) => void asked.push(why),
    build: async (spec: CandidateSpec) => {
      asked.push(`build ${spec.id}`)
      return null
    },
  })
  const mixtures = staged<Mixtures>({
    of: async ({ built }: Trial) => {
      asked.push(`mix ${built.spec.id}`)
      return []
    },
    timed: async () => {},
  })
  const budget = new Budget(60_000, () => 0)
  return { asked, fixed, budget, others: new Others(pool, budget, mixtures) }
}

const MENDED = ['judge dynamic-int8', 'build dynamic-int8-outliers', 'mix dynamic-int8']

test('dynamic integers are mended before static ones that lack more, whose repair may take all of the time', async () => {
  const { asked, fixed, others } = searchBeside(9)
  await others.aheadOfRepairs([fixed])
  expect(asked).toEqual(['judge dynamic-int8', ...MENDED])
  await others.rest()
  expect(asked).toHaveLength(4)
})

test('where static ones lack less they are judged on the first rows alone, and mended behind them', async () => {
  const { asked, fixed, others } = searchBeside(3)
  await others.aheadOfRepairs([fixed])
  expect(asked).toEqual(['judge dynamic-int8'])
  await others.rest()
  expect(asked).toEqual(['judge dynamic-int8', ...MENDED])
})

test('what was judged on some rows is not said to be not judged where there is no time for more', async () => {
  const { asked, fixed, budget, others } = searchBeside(3, 1)
  await others.aheadOfRepairs([fixed])
  await others.rest()
  expect(asked).toEqual(['judge dynamic-int8', 'the time was up'])
  expect(budget.leftOut).toEqual(['more than 40 selection rows for dynamic-int8'])
})
