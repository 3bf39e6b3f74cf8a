import { expect, test } from 'vitest'
import type { CandidateSpec } from '../recipe/index.ts'
import { closingSeconds, withinLooks } from './time-estimates.ts'

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
})

test('what is told in the end takes as many runs as its profiles make, fewer of a slow model', () => {
  // Four openings, sixteen runs beside other rows, and two profiles: 2 + 20 runs, or 2 + 3.
  expect(closingSeconds({ openMs: 1000, runMs: 10 })).toBeCloseTo(4 + (16 + 44) * 0.01)
  expect(closingSeconds({ openMs: 1000, runMs: 200 })).toBeCloseTo(4 + (16 + 10) * 0.2)
})
