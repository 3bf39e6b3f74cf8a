import { expect, test } from 'vitest'
import type { CandidateResult, OptimizationReport } from '../report/index.ts'
import { fitsGoal, type Original, whyHopeless } from './gain.ts'
import { staged } from './staged-kit.ts'

test('less memory is shown where every process took less: two of the very same model differ', () => {
  const baseline = staged<OptimizationReport['baseline']>({ peakRssBytes: 104, peakRssBytesRange: [100, 108] })
  const original: Original = { bytes: 10, baseline }
  const candidate = (peakRssBytes: number, peakRssBytesRange: readonly [number, number]) =>
    staged<CandidateResult>({ id: 'a', ratio: null, peakRssBytes, peakRssBytesRange })
  const memory = { name: 'memory' } as const
  const less = candidate(92, [90, 99])
  const chance = candidate(101, [95, 107])
  expect([less, chance].map((one) => fitsGoal(memory, original, one))).toEqual([true, false])
  expect(whyHopeless(memory, original, less)).toBe(null)
  expect(whyHopeless(memory, original, chance)).toBe('not shown to take less memory than the original')
})

test('where the original breaks a limit, what keeps it must not be shown to take more memory', () => {
  const baseline = staged<OptimizationReport['baseline']>({
    bytes: 10,
    peakRssBytes: 104,
    peakRssBytesRange: [100, 108],
  })
  const original: Original = { bytes: 10, baseline }
  const candidate = (bytes: number, peakRssBytesRange: readonly [number, number]) =>
    staged<CandidateResult>({ id: 'a', bytes, ratio: null, peakRssBytes: 101, peakRssBytesRange })
  const fits = (maxBytes: number, one: CandidateResult) => {
    const goal = { name: 'memory', maxBytes } as const
    return [fitsGoal(goal, original, one), whyHopeless(goal, original, one)]
  }
  expect(fits(8, candidate(7, [95, 107]))).toEqual([true, null])
  expect(fits(8, candidate(7, [109, 120]))).toEqual([false, 'takes more memory than the original'])
  expect(fits(8, candidate(9, [95, 107]))).toEqual([false, expect.stringContaining('over the limit')])
  expect(fits(10, candidate(7, [95, 107]))).toEqual([false, 'not shown to take less memory than the original'])
})

test('a speed above 1 that its interval does not show is not said to be none', () => {
  const original: Original = { bytes: 10, baseline: staged<OptimizationReport['baseline']>({}) }
  const why = (median: number, ci: readonly [number, number]) =>
    whyHopeless(
      { name: 'latency' },
      original,
      staged<CandidateResult>({ id: 'a', ratio: { base: 'original', other: 'a', median, ci } }),
    )
  expect(why(0.98, [0.96, 1.01])).toBe('not shown to be faster than the original')
  expect(why(1.02, [0.99, 1.03])).toBe('not faster than the original')
  expect(why(0.9, [0.85, 0.95])).toBeNull()
})
