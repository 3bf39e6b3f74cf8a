import { expect, test } from 'vitest'
import { modelWith, randomValue } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { quantize } from './quantize.ts'

test.each([
  ['which float has too', 'm = ReduceMean<keepdims = 0>(x) s = Sub(x, m) y = MatMul(s, w)', ['y']],
  ['of nothing', 'y = MatMul(x, w)', []],
] as const)('dependence on the rows beside a row, %s', async (_, body, outputs) => {
  const model = modelWith(`g (float[N,64] x) => (float y) { ${body} }`, { w: [64, 64] })
  const data = await memoryDataset(
    { x: randomValue([6, 64], 2) as never },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 64] }] },
  )
  const { report } = await quantize(model, { scheme: 'weight-int8', data, accuracyLevel: 4 })
  expect(report.batchInvariant?.all).toBe(outputs.length === 0)
  const told = report.warnings.filter((text) => text.includes('in float it does too'))
  expect(told).toEqual(outputs.map((name) => expect.stringContaining(`(${name})`)))
})
