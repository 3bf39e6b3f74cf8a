import { expect, test } from 'vitest'
import type { CandidateResult, ComparisonReport, OptimizationReport } from '../report/index.ts'
import { type HandedOut, sentenceOf } from './sentence.ts'
import { staged } from './staged-kit.ts'

const handedOut = (chosen: Partial<CandidateResult>, more: Partial<HandedOut> = {}) =>
  sentenceOf({
    chosen: chosen as CandidateResult,
    baseline: { bytes: 100 } as OptimizationReport['baseline'],
    proof: null,
    goal: 'latency',
    apart: false,
    late: false,
    broken: null,
    kept: false,
    ...more,
  })

const sentence = (median: number, ci: readonly [number, number]) =>
  handedOut({ id: 'a', bytes: 40, ratio: { base: 'original', other: 'a', median, ci }, verdict: 'pass' })

test('a smaller file that costs time says so in its first line; what a measurement could hide is not told', () => {
  expect(sentence(1.36, [1.34, 1.38])).toBe('60 % smaller, but takes 1.36× as long; not judged.')
  expect(sentence(1.01, [0.99, 1.03])).toBe('60 % smaller; not judged.')
  expect(sentence(0.5, [0.49, 0.51])).toBe('2.0× faster, 60 % smaller; not judged.')
})

test('a speed that a disturbance left open is told by its safe end', () => {
  expect(sentence(0.06, [0.03, 0.54])).toBe('At least 1.85× faster, 60 % smaller; not judged.')
  expect(sentence(0.5, [0.4, 0.59])).toBe('2.0× faster, 60 % smaller; not judged.')
})

test('that nothing keeps the limits is said only where nothing does', () => {
  const about = (kept: boolean) =>
    handedOut({ id: 'original', bytes: 100, ratio: null }, { broken: '100 bytes, 60 at the most', kept })
  expect(about(false)).toMatch(/^Nothing keeps the limits/)
  expect(about(true)).toMatch(/^What keeps the limits that were asked for may not be handed out/)
})

test('where memory is the goal the first line says how much less it takes', () => {
  const chosen = { id: 'a', bytes: 100, ratio: null, verdict: 'pass', peakRssBytes: 60 } as const
  const baseline = { bytes: 100, peakRssBytes: 80 } as OptimizationReport['baseline']
  expect(handedOut(chosen, { baseline, goal: 'memory' })).toBe('25 % less memory, the same size; not judged.')
  expect(handedOut(chosen, { baseline })).toBe('Neither faster nor smaller; not judged.')
})

test('what is only close says what would settle it: rows to give, of which half prove, or time where rows were left', () => {
  const chosen = { id: 'a', bytes: 40, ratio: null, verdict: 'inconclusive', grade: 'close' } as const
  const proof = staged<ComparisonReport>({ n: 40, requiredN: 268, labelled: true, agreement: null, outputs: [] })
  expect(handedOut(chosen, { proof })).toMatch(/; about 268 rows to prove on, 536 in all, would settle it\.$/)
  expect(handedOut(chosen, { proof, apart: true })).toMatch(/; about 268 rows would settle it\.$/)
  // Outputs without answers: no number of rows proves anything of them.
  const numbers = { ...proof, requiredN: null, labelled: false }
  expect(handedOut(chosen, { proof: numbers })).toMatch(/; only labels or a metric could prove it\.$/)
  expect(handedOut(chosen, { proof, late: true })).toMatch(/; more time \(--time\) proves on more of them\.$/)
})
