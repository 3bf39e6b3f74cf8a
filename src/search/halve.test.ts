import { expect, test } from 'vitest'
import type { Odds } from '../evaluate/index.ts'
import { halve } from './halve.ts'
import type { JudgingSteps } from './judging-steps.ts'
import type { Trial } from './trial.ts'

/** Decibels of all rows and of most, and what they foretell. */
interface Shown {
  readonly all: number
  readonly most: number
  readonly odds?: Partial<Odds>
  readonly out?: boolean
}

/** Halves these; `steps` is how many steps there is time for. */
async function left(shown: Readonly<Record<string, Shown>>, steps = 9) {
  const told: string[] = []
  const trials = Object.keys(shown).map((id) => ({ built: { spec: { id } }, comparison: null }) as unknown as Trial)
  const idOf = ({ built }: Trial) => built.spec.id
  const pool: Parameters<typeof halve>[0] = {
    workers: 1,
    async judge(trial, rows) {
      told.push(`${idOf(trial)} ${rows}`)
      const { all, most } = shown[idOf(trial)]!
      const outputs = [{ sqnrDb: all, typicalDb: most }]
      trial.comparison = {
        verdict: 'inconclusive',
        n: rows,
        agreement: null,
        outputs,
      } as unknown as Trial['comparison']
    },
    odds: (trial) => ({ pass: 0, close: 0, ...shown[idOf(trial)]!.odds }) as Odds,
    isOut: (trial) => shown[idOf(trial)]!.out ?? false,
    drop: (trial, why) => told.push(`${idOf(trial)} out: ${why}`),
  }
  const rows = {
    rungs: [16, 64],
    goOnFrom: async () => {},
    affordsJudging: async (_: unknown, step: number) => step < steps,
    endsAt: (step: number, trials: readonly Trial[]) => told.push(`ends at ${step}: ${trials.map(idOf)}`),
  } as unknown as JudgingSteps
  return [idOf(await halve(pool, rows, trials)), told] as const
}

test('of one that is quiet on all rows and one that is quiet on most, the likelier is left, the first where they are alike', async () => {
  const between = async (whole: Partial<Odds>, cut: Partial<Odds>) =>
    (await left({ whole: { all: 25, most: 15, odds: whole }, cut: { all: 1, most: 37, odds: cut } }))[0]
  expect(await between({ pass: 0.8 }, { pass: 0.95 })).toBe('cut')
  expect(await between({ pass: 0.8 }, { pass: 0.85 })).toBe('whole')
  expect(await between({ pass: 0.9 }, { pass: 0.2 })).toBe('whole')
  // Where none can pass, it is staying close that counts; where one can, it is not.
  expect(await between({ pass: 0.05, close: 0.2 }, { close: 0.9 })).toBe('cut')
  expect(await between({ pass: 0.5, close: 0.2 }, { pass: 0.5, close: 0.9 })).toBe('whole')
})

test('with time for it the quieter half is judged on more rows, until one is left', async () => {
  const shown = Object.fromEntries([10, 40, 20, 30].map((db) => [`of ${db}`, { all: db, most: db }]))
  const out = (db: number, rows: number) =>
    `of ${db} out: judged on ${rows} rows: others as fast stayed nearer to the original there`
  expect(await left(shown)).toEqual([
    'of 40',
    [...[10, 40, 20, 30].map((db) => `of ${db} 16`), out(10, 16), out(20, 16), 'of 40 64', 'of 30 64', out(30, 64)],
  ])
})

test('the first step is judged whatever it takes; without time for another, decibels decide', async () => {
  const why = 'judged on 16 rows: others as fast stayed nearer to the original there'
  const shown = { loud: { all: 10, most: 10 }, quiet: { all: 30, most: 30 }, middle: { all: 20, most: 20 } }
  expect(await left(shown, 0)).toEqual([
    'quiet',
    ['loud 16', 'quiet 16', 'middle 16', `loud out: ${why}`, 'ends at 1: quiet,middle', `middle out: ${why}`],
  ])
})

test('of the last one more rows are judged only while they may save it', async () => {
  const judged = async (out: boolean) =>
    (await left({ loud: { all: 10, most: 10 }, quiet: { all: 20, most: 20, out } }))[1].filter((told) =>
      /\d$/.test(told),
    )
  expect(await judged(true)).toEqual(['loud 16', 'quiet 16'])
  expect(await judged(false)).toEqual(['loud 16', 'quiet 16', 'quiet 64'])
})
