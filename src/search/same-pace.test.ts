import { expect, test } from 'vitest'
import type { CandidateResult } from '../report/index.ts'
import { atPaceOf } from './same-pace.ts'

const candidate = (own: Partial<CandidateResult>): CandidateResult => ({
  ...{ id: 'a', recipe: 'a', bytes: 1, p50Ms: null, speedup: null, ratio: null, p99Ms: null, loadMs: null },
  ...{ peakRssBytes: null, verdict: null, grade: null, metric: null, sqnrDb: null, onFront: false },
  ...own,
})

test('what was timed while the machine was slow has fewer milliseconds than the original where it is faster', () => {
  const ratio = { base: 'original', other: 'a', median: 0.5, ci: [0.4, 0.6] } as const
  const slow = candidate({ p50Ms: 12, p99Ms: 18, ratio, speedup: 2 })
  expect(atPaceOf({ p50Ms: 10 }, slow, false)).toEqual({ ...slow, p50Ms: 5, p99Ms: 7.5 })
  expect(atPaceOf({ p50Ms: 10 }, slow, true)).toEqual({ ...slow, p50Ms: 5, p99Ms: 18 })
  const untimed = candidate({})
  expect(atPaceOf({ p50Ms: 10 }, untimed, false)).toBe(untimed)
})
