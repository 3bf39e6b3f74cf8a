import { expect, test } from 'vitest'
import type { Workbench } from '../recipe/index.ts'
import type { ComparisonReport } from '../report/index.ts'
import { Budget } from './budget.ts'
import { frontOf } from './front.ts'
import { Pool } from './pool.ts'
import { type Staged, staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

/** Decibels of candidates with the same kernels; a few tenths move as more rows are seen. */
const DECIBELS: Readonly<Record<string, number>> = { minmax: 33.6, percentile: 31.5, mse: 34.8, noisy: 20 }
/** Nobody else has these kernels. */
const APART: Readonly<Record<string, number>> = { nearly: 24.5 }

/** A pool over a bench whose rows cost a second each, with so many seconds in all. */
async function poolOf(seconds: number, kept: ReadonlySet<string> = new Set(), grade: 'close' | null = 'close') {
  let ms = 0
  const budget = new Budget(seconds * 1000, () => ms)
  const judged: string[] = []
  const bench = staged<Workbench>({
    rows: { select: { indices: Array(2000).fill(0) }, prove: { indices: [] } },
    seen: { openMs: 0, runMs: 0 },
    original: { digest: 'original', bytes: 100 },
    build: async (spec) => ({
      ...{ spec, digest: spec.words, bytes: 50, planned: {}, float: [] },
    }),
    isJudged: async ({ spec }, _, rows) => kept.has(`${spec.id} ${rows}`),
    judge: async ({ spec }, _, rows = 2000) => {
      judged.push(`${spec.id} ${rows}`)
      const tick = budget.meter('judging')
      for (let done = 1; done <= rows && !kept.has(`${spec.id} ${rows}`); done++) {
        ms += 1000
        tick(done, rows)
      }
      return {
        ...{ verdict: 'inconclusive', grade, n: rows, metric: 'agreement', agreement: null },
        ...{ base: { value: null }, candidate: { value: null } },
        outputs: [{ sqnrDb: (DECIBELS[spec.id] ?? APART[spec.id])! - 10 / rows }],
      }
    },
  })
  budget.keepForProof(0, { answering: 0, judging: 1 }, 0)
  const pool = new Pool(bench, { name: 'latency' }, budget, () => {}, 1)
  const trials = await pool.buildAll(Object.keys(DECIBELS).map((id) => ({ id, words: id })))
  return { pool, trials, judged, budget }
}

/** From now on timings of this pool give this. */
function times(pool: Pool, time: Staged<Workbench['time']>): void {
  Object.assign(pool.bench, { time })
}

test('of candidates with the same kernels one is left, and the same one wherever the time ends', async () => {
  const plenty = await poolOf(1e6)
  const chosen = await plenty.pool.halve(plenty.trials)
  expect(plenty.judged).toEqual([
    ...['minmax 64', 'percentile 64', 'mse 64', 'noisy 64'],
    ...['mse 256', 'minmax 256'],
    'mse 1024',
  ])
  expect(plenty.budget.leftOut).toEqual([])
  const short = await poolOf(700)
  const early = await short.pool.halve(short.trials)
  expect(short.judged).toEqual(plenty.judged.slice(0, 4))
  expect(short.budget.leftOut.join('; ')).toMatch(/more than 64 selection rows for mse, minmax/)
  expect([chosen, early].map(({ built }) => built.spec.id)).toEqual(['mse', 'mse'])
  for (const { trials, pool } of [plenty, short]) {
    expect(trials.filter(({ dropped }) => !dropped).map(({ built }) => built.spec.id)).toEqual(['mse'])
    expect(pool.get('minmax').result.note).toMatch(
      /judged on \d+ rows: others as fast stayed nearer to the original there/,
    )
  }
})

test('what an earlier search has judged is used, however little time is left', async () => {
  const plenty = await poolOf(1e6)
  await plenty.pool.halve(plenty.trials)
  const again = await poolOf(1, new Set(plenty.judged))
  await again.pool.halve(again.trials)
  expect(again.judged).toEqual(plenty.judged)
  expect(again.budget.leftOut).toEqual([])
  const climbing = await poolOf(1, new Set(['mse 64', 'mse 256']))
  await climbing.pool.climb(climbing.pool.get('mse'))
  expect(climbing.judged).toEqual(['mse 64', 'mse 256'])
  expect(climbing.budget.leftOut.join('; ')).toMatch(/more than 256 selection rows for mse/)
})

test('what lacks much is not judged on more rows, and where rows are slow, nothing that is not close', async () => {
  const judged = async (id: string, seconds: number, grade: 'close' | null) => {
    const search = await poolOf(seconds, new Set(), grade)
    const trial = (await search.pool.build({ id, words: id })) ?? search.pool.get(id)
    await search.pool.climb(trial)
    return search.judged
  }
  expect(await judged('noisy', 1e6, null)).toEqual(['noisy 64'])
  expect(await judged('nearly', 1e6, null)).toEqual(['nearly 64', 'nearly 256', 'nearly 1024'])
  expect(await judged('nearly', 200, null)).toEqual(['nearly 16'])
  // Where answers agree, it may be handed out all the same.
  expect(await judged('noisy', 1e6, 'close')).toHaveLength(3)
})

test('of a timing, what models take to open and to warm up is a part, but never more than half', async () => {
  const granted: number[] = []
  const { pool, trials } = await poolOf(1e6)
  times(pool, async (_, seconds) => {
    granted.push(seconds)
    return { models: [], ratios: [] }
  })
  for (const runMs of [0, 100, 10_000]) {
    Object.assign(pool.bench, { seen: { openMs: 100, runMs } })
    await pool.time([trials[0]!], 8).catch(() => {})
  }
  // Two models, each opened twice with three runs in front.
  expect(granted).toEqual([8 - 2 * 0.2, 8 - 2 * (0.2 + 0.6), 4])
})

test('of placements that take the same time the quieter one is refined first, were its file larger', async () => {
  const { pool, trials } = await poolOf(1e6)
  await Promise.all(trials.map((trial) => pool.judge(trial, 64)))
  const timed = (id: string, median: number, bytes: number) => {
    const trial = pool.get(id)
    trial.result = {
      ...trial.result,
      ratio: { base: 'original', other: id, median, ci: [median - 0.02, median + 0.02] },
    }
    Object.assign(trial.built, { bytes })
  }
  timed('percentile', 0.45, 30)
  timed('mse', 0.46, 50)
  timed('minmax', 0.46, 50)
  timed('noisy', 0.6, 20)
  expect(pool.inOrderOfPromise(trials).map(({ built }) => built.spec.id)).toEqual([
    'mse',
    'minmax',
    'percentile',
    'noisy',
  ])
})

test('a candidate that the runtime refuses is left out and named; one that only cannot be read back stays', async () => {
  const bench = staged<Workbench>({
    original: { digest: 'original', bytes: 100 },
    rows: { prove: { indices: [] } },
    build: async (spec) => ({
      ...{ spec, digest: spec.words, bytes: 50, planned: {}, float: [] },
    }),
    kernels: async ({ spec }) => ({
      ...{ planned: {}, counts: null, warnings: [] },
      ...(spec.id === 'fine' ? {} : { reason: `no graph of ${spec.id}` }),
    }),
    refusal: async ({ spec }) => (spec.id === 'refused' ? 'no kernel for this type' : null),
  })
  const pool = new Pool(bench, { name: 'latency' }, new Budget(1000, () => 0), () => {}, 1)
  const specs = ['fine', 'refused', 'unread'].map((id) => ({ id, words: id, scheme: 'static-int8' as const }))
  const trials = await pool.buildAll(specs)
  expect(trials.map(({ built }) => built.spec.id)).toEqual(['fine', 'unread'])
  expect(pool.warnings).toEqual(['refused was left out: no kernel for this type', 'unread: no graph of unread'])
})

test('ranges that cut a few rows off are left where they are likelier to pass', async () => {
  const shown: Readonly<Record<string, Staged<ComparisonReport>>> = {
    whole: { outputs: [{ sqnrDb: 26, typicalDb: 16 }], discordant: { baseOnly: 3, candidateOnly: 2 } },
    loud: { outputs: [{ sqnrDb: 20, typicalDb: 10 }], discordant: { baseOnly: 5, candidateOnly: 2 } },
    louder: { outputs: [{ sqnrDb: 18, typicalDb: 9 }], discordant: { baseOnly: 6, candidateOnly: 2 } },
    cut: { outputs: [{ sqnrDb: 1, typicalDb: 37 }], discordant: { baseOnly: 0, candidateOnly: 0 } },
  }
  const rows = { select: { indices: Array(300).fill(0) }, prove: { indices: Array(500).fill(0) } }
  const judged: string[] = []
  const bench = staged<Workbench>({
    rows,
    original: { digest: 'original', bytes: 100 },
    build: async (spec) => ({
      ...{ spec, digest: spec.words, bytes: 50, planned: {}, float: [] },
    }),
    isJudged: async () => false,
    judge: async ({ spec }, _, n = 300) => {
      judged.push(`${spec.id} ${n}`)
      return {
        ...{ verdict: 'inconclusive', grade: null, metric: 'top1', agreement: null, alpha: 0.05, margin: 0.01 },
        ...{ base: { value: 0.7 }, candidate: { value: 0.7 }, nonInferiority: {}, n: Math.min(n, 300) },
        ...shown[spec.id],
      }
    },
  })
  const pool = new Pool(bench, { name: 'latency' }, new Budget(1e6, () => 0), () => {}, 1)
  const trials = await pool.buildAll(Object.keys(shown).map((id) => ({ id, words: id })))
  const chosen = await pool.halve(trials)
  expect(judged.slice(4)).toEqual(['whole 256', 'loud 256', 'cut 256', 'whole 1024', 'cut 1024'])
  expect(chosen.built.spec.id).toBe('cut')
  expect(trials.filter(({ dropped }) => !dropped)).toEqual([chosen])
})

test('what is handed out stands beside the original of its own run', async () => {
  const { pool, trials } = await poolOf(1e6)
  let original = 80
  times(pool, async (built) => ({
    models: [original, ...built.map(() => original / 4)].map((p50Ms) => ({
      p50Ms,
      p99Ms: 1,
      loadMs: 1,
      peakRssBytes: 1,
    })),
    ratios: built.map(({ spec }) => ({ other: spec.id, median: 1 / 4, ci: [1 / 4, 1 / 4] })),
  }))
  await pool.time(trials, 1)
  original = 40
  await pool.time([trials[0]!], 1)
  expect(pool.baseline!.p50Ms).toBe(80)
  await pool.time([trials[0]!], 1, 'confirm')
  expect(pool.baseline!.p50Ms / trials[0]!.result.p50Ms!).toBeCloseTo(trials[0]!.result.speedup!)
  expect(pool.baseline).toMatchObject({ bytes: 100, metricName: 'agreement' })
})

test('who shares the timing of what is handed out shares the one that confirms it, and its place on the front', async () => {
  for (const confirmed of [0, 1]) {
    const { pool, trials } = await poolOf(1e6)
    let median = 0.5
    times(pool, async (built) => ({
      models: [1, ...built.map(() => median)].map((p50Ms) => ({ p50Ms, p99Ms: 1, loadMs: 1, peakRssBytes: 1 })),
      ratios: built.map(({ spec }) => ({ base: 'original', other: spec.id, median, ci: [median, median] })),
      warnings: [],
    }))
    const [lender, borrower, other] = trials as readonly [Trial, Trial, Trial]
    await pool.time([lender, other], 1)
    pool.borrowTiming(borrower, lender)
    median = 0.55
    await pool.time([trials[confirmed]!], 1, 'confirm')
    for (const { result } of [lender, borrower]) {
      expect([result.p50Ms, result.ratio!.median, result.ratioBefore!.median]).toEqual([0.55, 0.55, 0.5])
      const note = result === trials[confirmed]!.result ? undefined : expect.stringMatching(/^time as measured for/)
      expect(result.note).toEqual(note)
    }
    expect(other.result).toMatchObject({ p50Ms: 0.5, ratio: { median: 0.5 } })
    expect([...frontOf([lender.result, borrower.result], null)]).toHaveLength(2)
  }
})

test('a lossless model that may not be handed out makes nothing idle', async () => {
  const { pool } = await poolOf(1e6)
  const clock: Record<string, readonly [number, number, number]> = { fast: [0.9, 0.78, 0.96] }
  times(pool, async (built) => ({
    models: [1, ...built].map(() => ({ p50Ms: 1, p99Ms: 1, loadMs: 1, peakRssBytes: 1 })),
    ratios: built.map(({ spec: { id } }) => ({ other: id, median: clock[id]![0], ci: [clock[id]![1], clock[id]![2]] })),
  }))
  const made = await pool.buildAll(['lossless', 'fast'].map((id) => ({ id, words: id })))
  const idleBecauseOf = async (lossless: readonly [number, number, number]) => {
    clock.lossless = lossless
    await pool.time(made, 1)
    return pool.betterAndSafe(made[1]!)
  }
  // As fast as the other as far as the clock can tell; but maybe slower than the original.
  expect(await idleBecauseOf([0.97, 0.87, 1.08])).toBeUndefined()
  expect(await idleBecauseOf([0.97, 0.87, 0.99])).toBe(made[0])
})

test('what was never timed is not said to be slower', async () => {
  const { pool, trials } = await poolOf(1e6)
  const [first, second] = trials as [Trial, Trial]
  pool.note(first, 'not timed: not close enough')
  expect([first, second].map((trial) => pool.hopeless(trial))).toEqual([true, true])
  expect(second.result.note).toBeUndefined()
  pool.noteHopeless()
  expect([first, second].map(({ result }) => result.note)).toEqual(['not timed: not close enough', 'not timed'])
})

test('what comes out as a model that is there already stays findable, and what changes nothing is told', async () => {
  const { pool } = await poolOf(1)
  const same = [
    { id: 'entropy', words: 'mse' },
    { id: 'entropy', words: 'mse' },
    { id: 'float16', words: 'original' },
  ]
  expect(await pool.buildAll(same)).toEqual([])
  expect(pool.get('mse').result.alsoMadeAs).toEqual(['entropy'])
  expect(pool.warnings).toEqual(['float16 leaves the model as it is'])
})

test('why no more rows were spent says on how many it was judged, and why none until it is judged', async () => {
  const { pool, trials } = await poolOf(1e6)
  const [first, second] = trials as [Trial, Trial]
  await pool.judge(first, 64)
  for (const trial of [first, second]) pool.noteNotJudged(trial, 'the time was up')
  expect([first.result.note, second.result.note]).toEqual([
    'judged on 64 rows only: the time was up',
    'not judged: the time was up',
  ])
  await pool.judge(second, 64)
  expect(second.result.note).toBeUndefined()
})
