import { expect, test } from 'vitest'
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
  const { ranges, unseen } = await rangesOf(model, data, 'minmax')
  expect(unseen).toEqual([])
  expect(Object.keys(ranges).sort()).toEqual(['a', 'x', 'y'])
})
