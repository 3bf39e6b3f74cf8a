import { expect, test } from 'vitest'
import { modelWith, randomValue } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { quantize } from './quantize.ts'

test('a layer whose negative values nobody reads is not told as the noisiest', async () => {
  const body = 'm = MatMul(x, w) t = Transpose<perm = [0, 2, 1]>(m) a = Relu(t) y = MatMul(a, v)'
  const model = modelWith(`g (float[N,4,16] x) => (float y) { ${body} }`, { w: [16, 24], v: [4, 8] })
  const data = await memoryDataset(
    { x: randomValue([8, 4, 16], 2) as never },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4, 16] }] },
  )
  const { report } = await quantize(model, { scheme: 'static-int8', data })
  expect(report.planned).toMatchObject({ QLinearMatMul: expect.any(Number) })
  const { layers } = report
  expect(layers.map(({ name }) => name)).toEqual(expect.arrayContaining(['a', 'y']))
  // Half of what m holds is negative: against the float one its codes would keep 3 dB.
  for (const { sqnrDb } of layers) expect(sqnrDb ?? 300).toBeGreaterThan(20)
})
