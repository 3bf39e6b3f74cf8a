import { expect, test } from 'vitest'
import type { GoalName } from './goal.ts'
import { gainsShown, whyNotWorthIt } from './lossless-worth.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

const pool = (goal: GoalName) => staged<Pool>({ goal: { name: goal }, bench: { original: { bytes: 1000 } } })
const trial = (low: number, high: number, bytes: number) =>
  staged<Trial>({ result: { ratio: { median: (low + high) / 2, ci: [low, high] }, bytes } })

test('a lossless model that is a hair faster, or by luck, gains nothing that would stand against a close one', () => {
  expect(gainsShown(pool('latency'), trial(0.9, 0.97, 1000))).toBe(true)
  expect(gainsShown(pool('latency'), trial(0.98, 0.998, 1000))).toBe(false)
  expect(gainsShown(pool('latency'), trial(0.9, 1.01, 1000))).toBe(false)
  expect(gainsShown(pool('latency'), trial(0.99, 1.01, 900))).toBe(true)
  expect(gainsShown(pool('size'), trial(0.99, 1.01, 990))).toBe(true)
})

test('a lossless model that is smaller by a hair is not handed out where it is slower', () => {
  const why = (ratio: readonly [number, number], bytes: number, originalBreaks: string | null = null) =>
    whyNotWorthIt(
      staged<Pool>({
        ...pool('size'),
        ...{ baseline: { bytes: 1000 }, figureBefore: 1000, originalBreaks, fitsGoal: () => true },
        figure: () => bytes,
      }),
      trial(...ratio, bytes),
    )
  expect(why([1.1, 1.2], 999)).toBe('slower than the original, and hardly better in the goal')
  expect(why([1.1, 1.2], 900)).toBeNull()
  expect(why([0.9, 1.2], 999)).toBeNull()
  expect(why([1.1, 1.2], 999, '1,000 bytes, 999 at the most')).toBeNull()
})

test('a lossless model is handed out for a time that is no longer, a smaller file or a quicker start', () => {
  const why = (goal: GoalName, fits: boolean, result: Partial<Trial['result']>) =>
    whyNotWorthIt(
      staged<Pool>({
        ...pool(goal),
        ...{ baseline: { bytes: 1000, loadMs: 50 }, figureBefore: 1000, originalBreaks: null, fitsGoal: () => fits },
        figure: () => 900,
      }),
      staged<Trial>({ result: { ratio: { median: 1.01, ci: [1, 1.015] }, bytes: 1000, loadMs: 50, ...result } }),
    )
  const nothing = 'nothing gained: about as fast, as large and as quick to load as the original'
  expect(why('latency', true, {})).toBe(nothing)
  expect(why('latency', true, { ratio: { base: 'original', other: 'a', median: 1, ci: [0.99, 1.01] } })).toBeNull()
  expect([979, 980, null].map((bytes) => why('latency', true, { bytes }))).toEqual([null, nothing, nothing])
  expect([44, 45, null].map((loadMs) => why('latency', true, { loadMs }))).toEqual([null, nothing, nothing])
  expect(why('latency', false, {})).toBe('not shown to be as fast as the original')
  expect(why('size', false, {})).toBe('not better in the goal')
  expect(why('size', false, { note: 'too late' })).toBe('too late')
  expect(why('size', true, { ratio: null })).toBeNull()
})
