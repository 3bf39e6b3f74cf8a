import { expect, test } from 'vitest'
import { bytes, signed, sizeChange } from './words.ts'
import { loadLine } from './words-load.ts'

test('a change of size has a sign only where something is left of it when rounded', () => {
  expect([0.38, -0.04, 0.001, -0.001, 0].map(sizeChange)).toEqual(['−38 %', '+4 %', '0 %', '0 %', '0 %'])
})

test('a difference has a sign only where something is left of it when rounded', () => {
  expect([0.0123, -0.0123, 0.0004, -0.0004, 0, -0].map((value) => signed(value, 3))).toEqual([
    ...['+0.012', '−0.012'],
    ...['0.000', '0.000', '0.000', '0.000'],
  ])
})

test('bytes have at most three digits before the point', () => {
  expect([0, 999, 1000, 99_940, 99_960, 999_499, 999_500, 1e6, 2.5e12, 5e15].map(bytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 KB',
    '99.9 KB',
    '100 KB',
    '999 KB',
    '1.0 MB',
    '1.0 MB',
    '2.5 TB',
    '5000 TB',
  ])
})

test('a p99 under the limit is not called over it, and not vouched for either where the rule does not', () => {
  const line = (p99Ms: number, valid: boolean | null) =>
    loadLine({
      ...{ path: 'm', p50Ms: 1, p90Ms: 2, p99Ms, throughput: 100, loadMs: 5, peakRssBytes: null, runs: 500 },
      load: { qps: 100, utilization: 0.5, queries: 500, maxP99Ms: 10, valid },
    })
  expect(line(12, false)).toContain('p99 12.0 ms, over the limit of 10.0 ms (500 queries)')
  expect(line(9, false)).toContain('p99 9.00 ms, not under 10.0 ms at 99 % confidence (500 queries)')
  expect(line(9, true)).toContain('p99 9.00 ms, under 10.0 ms at 99 % confidence')
  expect(line(9, null)).toContain('p99 9.00 ms, too few queries to vouch for 10.0 ms')
})
