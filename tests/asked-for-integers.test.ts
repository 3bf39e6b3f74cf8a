import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { quantize } from '../src/index.ts'
import { modelWith } from './quantize-kit.ts'

test('static int8 stands everywhere where it pays nowhere, since it was asked for, and the report says so', async () => {
  // Depthwise over a handful of pixels: by cost, every node of it is float.
  const model = modelWith('g (float[N,4,4,4] x) => (float y) { y = Conv<group = 4, pads = [1, 1, 1, 1]>(x, w) }', {
    w: [4, 1, 3, 3],
  })
  const data = await memoryDataset(
    { x: { dtype: 'float32', dims: [8, 4, 4, 4], data: Float32Array.from({ length: 512 }, (_, i) => Math.sin(i)) } },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4, 4, 4] }] },
  )
  const { report } = await quantize(model, { scheme: 'static-int8', data })
  expect(report.planned).toEqual({ QLinearConv: 1 })
  expect(report.kernels).toMatchObject({ QLinearConv: 1 })
  expect(report.warnings.join()).toMatch(/integers stand everywhere since they were asked for/)

  const balanced = await quantize(model, { scheme: 'static-int8', data, pass: { placement: 'balanced' } })
  expect(balanced.report.planned).toEqual({})
  expect(balanced.report.float.map(({ reason }) => reason).join()).toMatch(/float is cheaper/)
})
