import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { channelProbes } from './channel-probes.ts'

test('a value with an empty axis has no channels to look at', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,2] x) => (float[N,2] y) <float[2,2] w = {1,2,3,4}, int64[1] none = {0}, int64[1] axis = {1}>
    { h = MatMul(x, w)
      s = Slice(x, none, none, axis)
      y = Concat<axis = 1>(h, s) }`)
  const { probes } = channelProbes(model)
  expect(probes.has('s')).toBe(false)
  expect(probes.has('h')).toBe(true)
})
