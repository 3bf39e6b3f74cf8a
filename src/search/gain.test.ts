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
  // One process took more than the least of the original's, though less than its usual.
  const nearly = candidate(97, [95, 102])
  expect([less, chance, nearly].map((one) => fitsGoal(memory, original, one))).toEqual([true, false, false])
  const unmeasured = staged<CandidateResult>({ id: 'a', ratio: null, peakRssBytes: null })
  for (const peak of [104, null]) {
    const broken: Original = {
      bytes: 10,
      baseline: staged<OptimizationReport['baseline']>({ bytes: 10, peakRssBytes: peak }),
    }
    for (const goal of [memory, { name: 'memory', maxBytes: 20 }, { name: 'memory', maxBytes: 9 }] as const)
      expect(fitsGoal(goal, broken, { ...unmeasured, bytes: 8, peakRssBytes: peak === null ? 90 : null })).toBe(false)
  }
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

test('for size every byte counts, for time the upper end of the interval, and the lossless model is never hopeless', () => {
  const original: Original = { bytes: 1000, baseline: staged<OptimizationReport['baseline']>({ bytes: 1000 }) }
  const smaller = (bytes: number | null) => {
    const candidate = staged<CandidateResult>({ id: 'a', bytes, ratio: null })
    return [fitsGoal({ name: 'size' }, original, candidate), whyHopeless({ name: 'size' }, original, candidate)]
  }
  expect(smaller(999)).toEqual([true, null])
  for (const bytes of [1000, 1001, null]) expect(smaller(bytes)).toEqual([false, 'not smaller than the original'])
  const timed = (high: number | null, maxBytes?: number, more: Partial<CandidateResult> = {}) => {
    const ratio = high && { base: 'original', other: 'a', median: 0.95, ci: [0.9, high] as const }
    const candidate = staged<CandidateResult>({ id: 'a', bytes: 800, ratio: ratio || null, ...more })
    const goal = { name: 'latency', ...(maxBytes && { maxBytes }) } as const
    return [fitsGoal(goal, original, candidate), whyHopeless(goal, original, candidate)]
  }
  expect(timed(0.99)).toEqual([true, null])
  expect(timed(1.01)).toEqual([true, 'not shown to be faster than the original'])
  expect(timed(1.02)).toEqual([false, 'not shown to be faster than the original'])
  expect(timed(1.4)).toEqual([false, expect.stringContaining('disturbed')])
  expect(timed(null)).toEqual([false, 'not timed'])
  expect(timed(null, undefined, { note: 'no time' })).toEqual([false, 'no time'])
  expect(timed(1.4, undefined, { id: 'lossless' })[1]).toBeNull()
  // To keep a limit that the original breaks is a gain: then as fast is enough.
  expect(timed(1.01, 900)).toEqual([true, null])
  expect(timed(1.02, 900)).toEqual([false, 'not shown to be as fast as the original'])
})
