import { expect, test } from 'vitest'
import { Budget } from './budget.ts'
import type { Contender } from './finalists.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'
import { tellApart } from './tell-apart.ts'
import type { Trial } from './trial.ts'

interface Shown {
  readonly ci: readonly [number, number]
  /** Odds of staying close. */
  readonly close?: number
  /** Whose timing it shares. */
  readonly of?: string
}

/** Who is timed together, and for how long, of candidates that show these intervals after so many seconds to be opened. */
async function timedOf(
  { lossless, ...shown }: Readonly<Record<string, Shown>>,
  { openMs = 10, goal = 'latency', fits = true }: { openMs?: number; goal?: 'latency' | 'size'; fits?: boolean } = {},
) {
  const trials = new Map<string, Trial>()
  for (const [id, { ci, of }] of Object.entries(shown)) {
    const ratio = of ? trials.get(of)!.result.ratio : { base: 'original', other: id, median: (ci[0] + ci[1]) / 2, ci }
    trials.set(id, staged<Trial>({ built: { spec: { id } }, result: { ratio } }))
  }
  const contenders = Object.entries(shown).map(([id, { ci, close = 0.9 }]): Contender => {
    const odds = { pass: 0, passAtHalf: 0, close }
    return { id, figure: (ci[0] + ci[1]) / 2, interval: ci, bytes: 1, odds }
  })
  const asked: { readonly ids: readonly string[]; readonly seconds: number }[] = []
  const pool = staged<Pool>({
    goal: { name: goal },
    bench: { seen: { openMs, runMs: 1 } },
    lossless: lossless && { built: { spec: { id: 'lossless' } }, result: { ratio: { ci: lossless.ci } } },
    fitsGoal: () => fits,
    get: (id) => trials.get(id)!,
    time: async (those, seconds) => {
      asked.push({ ids: those.map((trial) => trial.built!.spec!.id!), seconds })
      return null
    },
  })
  const budget = new Budget(120_000, () => 0)
  await tellApart(pool, budget, contenders)
  return { asked, leftOut: budget.leftOut }
}

const lucky: Shown = { ci: [0.7, 0.9] }
const steady: Shown = { ci: [0.86, 0.88] }

test('who leads by an interval that reaches others is timed beside them, and nobody who is slower in any case', async () => {
  expect(await timedOf({ lucky, steady, slow: { ci: [0.91, 0.95] } })).toEqual({
    asked: [{ ids: ['lucky', 'steady'], seconds: 5 }],
    leftOut: [],
  })
})

test('not where the clock has told them apart, or one stands alone, or time is not the goal', async () => {
  for (const others of [{ steady: { ci: [0.91, 0.97] } }, {}, { steady, fast: { ci: [0.7, 0.71] } }] as const)
    expect((await timedOf({ ...('fast' in others ? {} : { lucky }), ...others })).asked).toEqual([])
  expect((await timedOf({ lucky, steady }, { goal: 'size' })).asked).toEqual([])
  // Narrow intervals that touch leave nothing that a further timing would move.
  expect((await timedOf({ steady, also: { ci: [0.87, 0.89] } })).asked).toEqual([])
})

test('neither who shares a timing nor who is far less likely to stay close takes a turn, and four at the most do', async () => {
  const { asked } = await timedOf({
    lucky,
    twin: { ...lucky, of: 'lucky' },
    unlikely: { ci: [0.6, 0.8], close: 0.4 },
    ...Object.fromEntries(['a', 'b', 'c', 'd'].map((id) => [id, { ci: [0.8, 0.9] }] as const)),
  })
  expect(asked.map(({ ids }) => ids)).toEqual([['lucky', 'a', 'b', 'c']])
})

test('what opening them leaves no time for is told', async () => {
  expect(await timedOf({ lucky, steady }, { openMs: 1000 })).toEqual({
    asked: [],
    leftOut: ['timing lucky, steady side by side'],
  })
})

test('the lossless model is beside them where they may be no faster than it, and it may be handed out', async () => {
  const lossless = { ci: [0.89, 0.94] } as const
  expect((await timedOf({ lossless, lucky })).asked).toEqual([{ ids: ['lucky', 'lossless'], seconds: 5 }])
  expect((await timedOf({ lossless, steady })).asked).toEqual([])
  expect((await timedOf({ lossless, lucky }, { fits: false })).asked).toEqual([])
})
