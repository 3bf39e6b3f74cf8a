import { expect, test } from 'vitest'
import type { ComparisonReport } from '../report/index.ts'
import type { Choice } from './choose.ts'
import type { Contender } from './finalists.ts'
import type { Pool } from './pool.ts'
import { gainsShown, notSureEnough } from './prove.ts'
import type { Trial } from './trial.ts'

const pool = (goal: string) => ({ goal: { name: goal }, bench: { original: { bytes: 1000 } } }) as unknown as Pool
const trial = (low: number, high: number, bytes: number) =>
  ({ result: { ratio: { median: (low + high) / 2, ci: [low, high] }, bytes } }) as unknown as Trial

test('a lossless model that is a hair faster, or by luck, gains nothing that would stand against a close one', () => {
  expect(gainsShown(pool('latency'), trial(0.9, 0.97, 1000))).toBe(true)
  expect(gainsShown(pool('latency'), trial(0.98, 0.998, 1000))).toBe(false)
  expect(gainsShown(pool('latency'), trial(0.9, 1.01, 1000))).toBe(false)
  expect(gainsShown(pool('latency'), trial(0.99, 1.01, 900))).toBe(true)
  expect(gainsShown(pool('size'), trial(0.99, 1.01, 990))).toBe(true)
})

test('of two that share α, what passed and is not handed out is told why', () => {
  const sequence = ['lossless', 'quiet', 'fast'].map((id) => ({ id }) as Contender)
  const proofs = new Map(
    Object.entries({ lossless: 'pass', quiet: 'inconclusive', fast: 'pass' }).map(([id, verdict]) => [
      id,
      { verdict } as ComparisonReport,
    ]),
  )
  const handedOut = (...ids: readonly string[]) => ({ ranked: ids.map((id) => ({ id })) }) as unknown as Choice
  const of = (shared: boolean, choice: Choice) => notSureEnough({ sequence, shared, standby: [] }, proofs, choice)
  expect(of(true, handedOut('lossless'))).toEqual(['fast'])
  expect(of(true, handedOut('fast', 'lossless'))).toEqual([])
  expect(of(false, handedOut('lossless'))).toEqual([])
})
