import { expect, test } from 'vitest'
import { brokenLimit } from './goal.ts'
import { limitsOf, reasonWithLimits } from './limits.ts'
import { staged } from './staged-kit.ts'
import type { Trial } from './trial.ts'

const measured = { bytes: 5_200_000, p50Ms: 6, p99Ms: 9.25, peakRssBytes: null, ratio: null }
const trials = [5_200_000, 7_000_000].map((bytes) => staged<Trial>({ result: { ...measured, bytes } }))

test('a limit is told with both numbers, and what was not measured keeps none', () => {
  expect(brokenLimit({ name: 'latency', maxBytes: 5_000_000 }, measured)).toBe('5,200,000 bytes, 5,000,000 at the most')
  expect(brokenLimit({ name: 'latency', maxP99Ms: 8 }, measured)).toBe('9.25 ms at p99, 8 at the most')
  expect(brokenLimit({ name: 'size', maxP99Ms: 9.25, maxBytes: 5_200_000 }, measured)).toBe(null)
  expect(brokenLimit({ name: 'size', maxRssBytes: 1e9 }, measured)).toMatch(/memory was not measured/)
  const { p99Ms: _, ...untimed } = measured
  expect(brokenLimit({ name: 'latency', maxP99Ms: 8 }, untimed)).toMatch(/time at p99 was not measured/)
  expect(brokenLimit({ name: 'latency', maxP99Ms: 100 }, { ...measured, p99Ms: 1200.6 })).toMatch(/^1,201 ms/)
})

test('the reason says who keeps the limits: nobody, the original alone, or some', () => {
  const reason = 'Nothing was better.'
  const all = { name: 'latency', maxBytes: 1000 } as const
  expect(reasonWithLimits(all, trials, reason, '8,000 bytes, 1,000 at the most')).toBe(
    'No candidate keeps the limits that were asked for, and neither does the original: 8,000 bytes, 1,000 at the most.',
  )
  expect(reasonWithLimits(all, trials, reason, null)).toMatch(/the original does\.$/)
  expect(reasonWithLimits({ ...all, maxBytes: 6_000_000 }, trials, reason, null)).toBe(
    'Nothing was better. 1 of 2 candidates was over a limit.',
  )
  expect(reasonWithLimits({ ...all, maxBytes: 6_000_000 }, trials, reason, '9 ms at p99, 8 at the most')).toBe(
    'Nothing was better. 1 of 2 candidates was over a limit. The original does not keep the limits: 9 ms at p99, 8 at the most.',
  )
  expect(reasonWithLimits({ name: 'latency' }, trials, reason, null)).toBe(reason)
  expect(reasonWithLimits(all, [], reason, null)).toBe(reason)
})

test('limits stand in the report only where some were asked for', () => {
  expect(limitsOf({ name: 'size' }, null)).toBe(undefined)
  expect(limitsOf({ name: 'size', maxBytes: 7 }, null)).toEqual({ maxBytes: 7, broken: null })
})
