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
