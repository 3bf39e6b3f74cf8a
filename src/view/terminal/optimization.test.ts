import { expect, test } from 'vitest'
import type { OptimizationReport } from '../../report/index.ts'
import { optimization } from './optimization.ts'

test('what the proof warns of is told with the search, once', () => {
  const report = {
    sentence: '2× faster.',
    chosen: { id: 'lossless', reason: 'it is' },
    baseline: { p50Ms: 1, bytes: 10, metric: null, metricName: 'agreement' },
    goal: 'latency',
    candidates: [],
    rows: { calibrate: 1, select: 1, prove: 2 },
    warnings: ['two rows were left out'],
    proof: { warnings: ['On 1 of 2 rows the candidate gives NaN', 'two rows were left out'] },
  } as unknown as OptimizationReport
  const lines = optimization(report, { color: false, width: 100 } as Parameters<typeof optimization>[1]).split('\n')
  expect(lines.filter((line) => line.includes('On 1 of 2 rows'))).toHaveLength(1)
  expect(lines.filter((line) => line.includes('two rows were left out'))).toHaveLength(1)
})
