import { expect, test } from 'vitest'
import type { CandidateResult, OptimizationReport } from '../report/index.ts'
import { sentenceOf } from './sentence.ts'

const sentence = (median: number, ci: readonly [number, number]) =>
  sentenceOf(
    {
      id: 'a',
      bytes: 40,
      ratio: { base: 'original', other: 'a', median, ci },
      verdict: 'pass',
    } as unknown as CandidateResult,
    { bytes: 100 } as OptimizationReport['baseline'],
    null,
  )

test('a smaller file that costs time says so in its first line; what a measurement could hide is not told', () => {
  expect(sentence(1.36, [1.34, 1.38])).toBe('60 % smaller, but takes 1.36× as long; not judged.')
  expect(sentence(1.01, [0.99, 1.03])).toBe('60 % smaller; not judged.')
  expect(sentence(0.5, [0.49, 0.51])).toBe('2.0× faster, 60 % smaller; not judged.')
})

test('that nothing keeps the limits is said only where nothing does', () => {
  const original = { id: 'original', bytes: 100, ratio: null } as unknown as CandidateResult
  const about = (kept: boolean) =>
    sentenceOf(original, { bytes: 100 } as OptimizationReport['baseline'], null, '100 bytes, 60 at the most', kept)
  expect(about(false)).toMatch(/^Nothing keeps the limits/)
  expect(about(true)).toMatch(/^What keeps the limits that were asked for may not be handed out/)
})

test('where memory is the goal the first line says how much less it takes', () => {
  const chosen = { id: 'a', bytes: 100, ratio: null, verdict: 'pass', peakRssBytes: 60 } as unknown as CandidateResult
  const baseline = { bytes: 100, peakRssBytes: 80 } as OptimizationReport['baseline']
  expect(sentenceOf(chosen, baseline, null, null, false, false, 'memory')).toBe(
    '25 % less memory, the same size; not judged.',
  )
  expect(sentenceOf(chosen, baseline, null)).toBe('Neither faster nor smaller; not judged.')
})
