import { expect, test } from 'vitest'
import type { LatencyReport } from '../../report/index.ts'
import { renderHtml, renderTerminal } from '../index.ts'

test('a model of less than a row a second is not told to do none, on a page as on a terminal', () => {
  const times = { p50Ms: 2500, p90Ms: 2600, p99Ms: 2700, throughput: 0.4 }
  const path = 'models/slow.onnx'
  const point = { path, batch: 1, threads: 1, instances: 1, onFront: true, ...times }
  const report = {
    ...{ kind: 'latency', version: 1, scenario: 'offline', threads: 1, batch: 1, cpu: 'c', runtime: 'r', warnings: [] },
    models: [{ path, loadMs: 1, firstMs: 1, peakRssBytes: 1, runs: 1, ...times }],
    ...{ ratios: [], sweep: [point], best: { [path]: point } },
  } as unknown as LatencyReport
  const best = 'slow.onnx: 0.40 rows a second: 1 row at once, 1 thread, 1 process (p99 2,700 ms)'
  const page = renderHtml(report)
  expect(page).toContain(best.replace('2,700 ms', '2,700\u00a0ms'))
  expect(page).toContain('<h1>slow.onnx: 0.40 rows a second</h1>')
  expect(page).not.toContain('>0</td>')
  expect(renderTerminal(report, { color: false, width: 100 })).toContain(best)
})

test('no line of a page parts a time from its unit', () => {
  const model = { path: 'm.onnx', loadMs: 1, firstMs: 1, peakRssBytes: 1, runs: 1, p50Ms: 1, p90Ms: 2.5, p99Ms: 3 }
  const percentiles = [{ percentile: 0.9, ms: 2.5, ci: [2, 3] }]
  const page = renderHtml({
    ...{ kind: 'latency', version: 1, scenario: 'single-stream', threads: 1, batch: 1, cpu: 'c', runtime: 'r' },
    ...{ models: [{ ...model, throughput: 400, percentiles }], ratios: [], warnings: [] },
  } as unknown as LatencyReport)
  expect(page).toContain('<h1>Nine of ten answers within 2.50\u00a0ms (m.onnx)</h1>')
  expect(page).toContain('<small>2.00\u00a0ms to 3.00\u00a0ms</small>')
})
