import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { quantize } from './quantize.ts'

test.each([
  ['ranges', {}],
  ['histograms', { calibration: 'percentile' }],
  ['learned roundings', { rounding: 'learned' }],
] as const)('%s of rows that are sorted by size are those of all sizes', async (_, options) => {
  const model = modelWith('g (float[N,4] x) => (float y) { a = MatMul(x, w)  b = Relu(a)  y = MatMul(b, v) }', {
    w: [4, 16],
    v: [16, 4],
  })
  // The last row is fifty times the first.
  const values = Float32Array.from({ length: 400 * 4 }, (_, i) => Math.sin(i * 1.7) * (1 + i / 32))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [400, 4], data: values } })
  const { report } = await quantize(model, { scheme: 'static-int8', data, samples: 64, ...options })
  expect(report.sqnrDb).toBeGreaterThan(25)
})
