import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { parseModel } from '../../ir/index.ts'
import { rangesOf } from './ranges.ts'

test('ranges are asked of numbers, not of the shapes that pass through the same operators', async () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,4] x) => (float[M,2] y) <float[2,2] w = {1,2,3,4}, int64[1] two = {2}, int64[1] less = {-1}, int64 zero = {0}, int64[1] axis = {0}>
    { s = Shape(x)
      rows = Gather(s, zero)
      one = Unsqueeze(rows, axis)
      flat = Mul(one, two)
      shape = Concat<axis = 0>(flat, two)
      a = Reshape(x, shape)
      y = MatMul(a, w) }`)
  const rows = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [8, 4], data: rows } })
  const { ranges, unseen } = await rangesOf(model, data, 'minmax', {})
  expect(unseen).toEqual([])
  expect(Object.keys(ranges).sort()).toEqual(['a', 'x', 'y'])
})

test('what is only moved has the ranges that disturb least where it was moved from', async () => {
  const model = modelWith(
    'g (float[1,4,16,16] x) => (float y) { a = Conv(x, w)  p = MaxPool<kernel_shape = [2,2]>(a)  e = Erf(p)  y = Conv(e, v) }',
    {
      w: [4, 4, 1, 1],
      v: [4, 4, 3, 3],
    },
  )
  // One number of a hundred thousand is forty times as large, and Erf is flat there: full ranges are the worst.
  const values = Float32Array.from({ length: 128 * 1024 }, (_, i) => Math.sin(i * i) * (i === 777 ? 40 : 1))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [128, 4, 16, 16], data: values } })
  const [full, least, ...others] = await Promise.all(
    (['minmax', 'least-noise', 'percentile', 'mse'] as const).map((method) => rangesOf(model, data, method, {})),
  )
  const chosen = others.find(({ ranges }) => ranges.a!.max === least!.ranges.a!.max)!
  expect(least!.ranges.a).not.toEqual(full!.ranges.a)
  expect(least!.ranges.p).toEqual(chosen.ranges.p)
})
