import { expect, test } from 'vitest'
import type { SelectionReport } from '../../report/index.ts'
import { selectionPage } from './selection.ts'

const model = (path: string, p50Ms: number | null, metric: number) => ({
  ...{ path, p50Ms, metric, gates: [], sentence: '', change: null, ratio: null, bytes: 1, peakRssBytes: 1 },
  ...{ onFront: true, admitted: true, data: null },
})
const page = (higherIsBetter: boolean) =>
  selectionPage({
    ...{ kind: 'selection', version: 1, sentence: 'A is chosen.', chosen: null, metric: 'score', n: 10, warnings: [] },
    ...{ threads: 1, cpu: 'a processor', runtime: 'r', data: { path: 'd.npz' }, higherIsBetter },
    models: [model('a.onnx', 4, 0.9), model('b.onnx', 2, 0.7), model('untimed.onnx', null, 0.8)],
  } as unknown as SelectionReport)

test.each([true, false])(
  'the chart has the better metric above, and less time to the left: higher is better %s',
  (up) => {
    const dots = [...page(up).matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ])
    expect(dots).toHaveLength(2)
    const [a, b] = dots as [[number, number], [number, number]]
    expect(b[0]).toBeLessThan(a[0])
    expect(a[1] < b[1]).toBe(up)
  },
)
