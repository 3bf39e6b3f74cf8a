import { expect, test } from 'vitest'
import type { CandidateResult, ComparisonReport } from '../report/index.ts'
import { Budget } from './budget.ts'
import type { Choice } from './choose.ts'
import type { Contender } from './finalists.ts'
import type { Pool } from './pool.ts'
import {
  decidedAgainst,
  judgeOnMoreRows,
  judgeUnrounded,
  mostFinalists,
  passedInVain,
  proofOf,
  unjudged,
  untried,
} from './prove.ts'
import { staged } from './staged-kit.ts'
import { type Trial, withNoise } from './trial.ts'

test('of two that share α, what passed and is not handed out is told why', () => {
  const sequence = ['lossless', 'quiet', 'fast'].map((id) => ({ id }) as Contender)
  const proofs = new Map(
    Object.entries({ lossless: 'pass', quiet: 'inconclusive', fast: 'pass' }).map(([id, verdict]) => [
      id,
      { verdict } as ComparisonReport,
    ]),
  )
  const handedOut = (...ids: readonly string[]) =>
    staged<Choice>({ ranked: ids.map((id) => ({ id, proof: { verdict: 'pass' } })) })
  const of = (shared: boolean, choice: Choice) => [
    ...passedInVain({ sequence, shared, standby: [], reserve: [] }, proofs, choice),
  ]
  expect(of(true, handedOut('lossless'))).toEqual([['fast', expect.stringContaining('at half of α')]])
  expect(of(true, handedOut('fast', 'lossless'))).toEqual([])
  // Where nothing is shared it was tried behind one that had ended the sequence.
  expect(of(false, handedOut('lossless'))).toEqual([
    ['fast', expect.stringMatching(/^passed, but was tried only when quiet had failed on the same rows/)],
  ])
})

test('what no selection row was spent on has its noise of the proof, and the others keep that of the selection rows', async () => {
  const outputs = [{ name: 'y', sqnrDb: 110 }]
  const noiseOf = async (comparison: object | null, sqnrDb: number | null) => {
    const trial = staged<Trial>({ built: {}, comparison, result: { sqnrDb } })
    const proof = { verdict: 'pass', grade: 'proven', n: 154, outputs } as const
    await proofOf(staged<Pool>({ bench: { judge: async () => proof }, proofRows: 154 }), trial)
    return [trial.result.provedRows, trial.result.sqnrDb]
  }
  expect(await noiseOf(null, null)).toEqual([154, 110])
  expect(await noiseOf({}, 31)).toEqual([154, 31])
})

test('that every number is the same is told, until more rows tell otherwise, and not where nothing was heard', () => {
  const before = staged<CandidateResult>({ id: 'lossless', sqnrDb: null })
  const output = (sqnrDb: number | null, answer = false) => ({ outputs: [{ name: 'y', sqnrDb, maxAbs: 0, answer }] })
  const same = withNoise(before, output(null))
  expect(same).toEqual({ ...before, identical: true })
  expect(withNoise(same, output(90))).toEqual({ ...before, sqnrDb: 90 })
  expect(withNoise(same, output(null, true))).toEqual(before)
  expect(withNoise(same, { outputs: [] })).toEqual(before)
  const boxes = { compared: 40, changed: 0 }
  const found = withNoise(same, { outputs: [{ name: 'y', sqnrDb: 300, maxAbs: 1, boxes }] })
  expect(found).toEqual({ ...before, sqnrDb: 300, boxes })
  expect(withNoise(found, output(90))).toEqual({ ...before, sqnrDb: 90 })
})

test('where nothing was judged for want of time, that is what is told', () => {
  const lossless = staged<Trial>({ built: { spec: { id: 'lossless' } }, comparison: null })
  const int8 = (comparison: object | null, gains = true) =>
    staged<Trial>({ built: { spec: { id: 'int8' } }, result: { speedup: gains ? 2 : 1 }, comparison })
  const of = (trials: readonly Trial[], allTried: boolean) =>
    untried(
      staged<Pool>({
        ...{ trials: [lossless, ...trials], lossless },
        inOrder: (some) => some,
        hopeless: ({ result }) => result.speedup === 1,
      }),
      allTried,
    )
  expect(of([int8(null)], true)).toMatch(
    /^int8 was measured to be better in the goal, but there was no time to judge it/,
  )
  expect(of([], false)).toMatch(/no time to try every kind/)
  expect(of([int8(null, false)], false)).toMatch(/no time to try every kind/)
  expect(of([int8(null, false)], true)).toBeUndefined()
  expect(of([int8({})], false)).toBeUndefined()
})

test('what gains and found no time to be judged is counted, and not what nothing could be gained by', () => {
  const trial = (more: object = {}) =>
    staged<Trial>({ comparison: null, dropped: false, result: { p50Ms: 1 }, ...more })
  const [lossless, open, beaten, slower] = [trial(), trial(), trial(), trial()] as const
  const others = [trial({ comparison: {} }), trial({ dropped: true }), trial({ result: { p50Ms: null } })]
  const of = (rows: number) =>
    unjudged(
      staged<Pool>({
        ...{ trials: [lossless, open, beaten, slower, ...others], lossless },
        bench: { rows: { select: { indices: Array.from({ length: rows }, (_, i) => i) } } },
        hopeless: (one) => one === slower,
        betterAndSafe: (one) => (one === beaten ? lossless : null) as Trial,
      }),
    )
  // Where there are no rows to judge on, whoever gains is a finalist as it is.
  expect([of(3), of(0)]).toEqual([1, 0])
})

test('a finalist that did not stay close on the proof rows is told of, also where another that did is handed out', () => {
  const made = (verdict: string, grade: string | null) => ({ verdict, grade }) as ComparisonReport
  const handedOut = (proof: ComparisonReport | null) => ({ proof }) as Choice
  const [close, far, worse] = [made('inconclusive', 'close'), made('inconclusive', null), made('regressed', null)]
  expect([close, far, worse].map((proof) => decidedAgainst(proof, handedOut(close)))).toEqual([false, true, true])
  expect([close, far].map((proof) => decidedAgainst(proof, handedOut(made('pass', 'proven'))))).toEqual([true, true])
  expect(decidedAgainst(close, handedOut(null))).toBe(true)
})

test('float32 alone of a file in another type is judged where nothing that is faster will surely pass', async () => {
  const one = (id: string, comparison: object | null, unrounded = false) =>
    staged<Trial>({ built: { spec: { id, unrounded } }, comparison, result: { p50Ms: 1 } })
  const judged = async (pass: number, float: Trial, affordable = true) => {
    const seen: string[] = []
    await judgeUnrounded(
      staged<Pool>({
        trials: [one('int8', { verdict: 'inconclusive', grade: 'close' }), float],
        bench: { rows: { select: { indices: [1] } } },
        hopeless: () => false,
        standing: () => ({ figure: 1, bytes: 1 }),
        odds: () => ({ pass, close: 1 }),
        affordsJudging: async () => affordable,
        judgeFirstRows: async ({ built }) => void seen.push(built.spec.id),
      }),
    )
    return seen
  }
  expect(await judged(0.2, one('float32', null, true))).toEqual(['float32'])
  expect(await judged(0.999, one('float32', null, true))).toEqual([])
  expect(await judged(0.2, one('float32', {}, true))).toEqual([])
  expect(await judged(0.2, one('float32', null, true), false)).toEqual([])
  expect(await judged(0.2, one('float16', null))).toEqual([])
})

test('rows that have no score are asked for once: what is judged on all of them is not judged again', async () => {
  const judged: (number | undefined)[] = []
  const trial = staged<Trial>({ built: { spec: { id: 'int8' } }, comparison: { n: 64 } })
  const pool = staged<Pool>({
    bench: {
      rows: { select: { indices: Array(100).fill(0) } },
      // As an earlier search has kept them: no time stands against asking once more.
      isJudged: async () => true,
    },
    get: () => trial,
    judge: async (_, rows) => {
      judged.push(rows)
      if (judged.length > 2) throw new Error('judged without end')
      trial.comparison = staged<ComparisonReport>({ n: 99 })
    },
  })
  const budget = new Budget(60_000, () => 0)
  await judgeOnMoreRows(pool, budget, () => [staged<Contender>({ id: 'int8' })])
  expect(judged).toEqual([100])
  expect(budget.warning).toBeNull()
})

test.each([
  ['four, where there is time', { elapsed: 100, rows: 2400, most: 4 }],
  ['four in a tenth of the time in any case', { elapsed: 400, rows: 600, most: 4 }],
  ['three a little beyond the time', { elapsed: 260, rows: 1100, most: 3 }],
  ['two where more would take longer than that', { elapsed: 280, rows: 1100, most: 2 }],
])('finalists after a search of 300 seconds: %s', (_, { elapsed, rows, most }) => {
  let seconds = 0
  const budget = new Budget(300_000, () => 1000 * seconds)
  budget.keepForProof(rows, { answering: 0.011, judging: 0.009 }, 2)
  seconds = elapsed
  expect(mostFinalists({ proofRows: rows }, budget)).toBe(most)
})
