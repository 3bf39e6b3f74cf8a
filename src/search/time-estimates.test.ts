import { expect, test } from 'vitest'
import type { CandidateSpec } from '../recipe/index.ts'
import {
  closingSeconds,
  followingSeconds,
  lookingSeconds,
  mixingSeconds,
  openedSeconds,
  warmSeconds,
  withinLooks,
} from './time-estimates.ts'

const spec = (id: string, more: Partial<CandidateSpec> = {}): CandidateSpec => ({ id, words: id, ...more })
const seen = { openMs: 1000, runMs: 100 }
const ids = (specs: readonly CandidateSpec[], seconds: number, building: number) =>
  withinLooks(specs, seen, seconds, building).map(({ id }) => id)

test('what building takes counts beside the timing, and so do ranges where they are wanted', () => {
  const free = [spec('one'), spec('two')]
  // Timing one beside the original: two models in three processes each, and sixteen runs.
  expect(ids(free, 8, 0)).toEqual(['one'])
  expect(ids(free, 8, 2)).toEqual([])
  expect(ids(free, 20, 2)).toEqual(['one', 'two'])
  const ranged = [spec('static', { scheme: 'static-int8' })]
  expect(ids(ranged, 12, 2)).toEqual([])
  expect(ids(ranged, 16, 2)).toEqual(['static'])
  // What takes exactly so long fits.
  expect(ids(free, 7.6, 0)).toEqual(['one'])
})

test('one that wants ranges, or the costs of kernels, is enough for them to be counted', () => {
  // Three models take 9 s to open and 2.4 s to run, ranges of eight rows 5.2 s, kernels 6 s and 1.8 s.
  const ranged = [spec('plain'), spec('static', { scheme: 'static-int8' })]
  expect([16.5, 16.7].map((seconds) => ids(ranged, seconds, 0).length)).toEqual([1, 2])
  const costed = [spec('plain'), spec('measured', { measuredCosts: true })]
  expect([19.1, 19.3].map((seconds) => ids(costed, seconds, 0).length)).toEqual([1, 2])
})

test('openings and runs, at a second and a tenth of one each', () => {
  // Two models, three times opened and eight times run; kernels in six profiles of three runs.
  expect(lookingSeconds(seen, 2, false)).toBeCloseTo(6 + 1.6)
  expect(lookingSeconds(seen, 2, true)).toBeCloseTo(6 + 1.6 + 6 + 1.8)
  // Opened twice, with three runs each time.
  expect(warmSeconds(seen, 2)).toBeCloseTo(2 * (2 + 0.6))
  expect(openedSeconds(seen)).toBe(3)
  // Three sessions, and five runs each as long as twelve; eight more sessions and 64 runs build the mixtures.
  expect(followingSeconds(seen, 5)).toBeCloseTo(3 + 6)
  expect(mixingSeconds(seen, 5, false)).toBeCloseTo(9 + 8 + 6.4)
  expect(mixingSeconds(seen, 5, true)).toBeCloseTo(9 + 8 + 6.4 + 6 + 1.8)
})

test('what is told in the end takes as many runs as its profiles make, fewer of a slow model', () => {
  // Four openings, sixteen runs beside other rows, and two profiles: 2 + 20 runs, or 2 + 3.
  expect(closingSeconds({ openMs: 1000, runMs: 10 })).toBeCloseTo(4 + (16 + 44) * 0.01)
  expect(closingSeconds({ openMs: 1000, runMs: 200 })).toBeCloseTo(4 + (16 + 10) * 0.2)
})
