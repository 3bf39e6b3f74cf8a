import { expect, test } from 'vitest'
import { moveAxesInTurn } from '../src/passes/layout/index.ts'
import { inIntegers, kernelsOf, modelWith, randomValue } from './quantize-kit.ts'

test('between integer convolutions, codes are moved as codes', async () => {
  const before = modelWith(
    'g (float[1,16,64,64] x) => (float y) { h = Conv(x, w) d = DepthToSpace<blocksize = 3, mode = "CRD">(h) y = Conv(d, v) }',
    { w: [9, 16, 1, 1], v: [16, 1, 3, 3] },
  )
  const coded = (await inIntegers(before, { x: randomValue([1, 16, 64, 64], 3) })).model
  const { model: after, report } = await moveAxesInTurn.run(coded, {}, [])
  expect(report.applied).toBe(1)
  const { QuantizeLinear, DequantizeLinear, QLinearConv } = await kernelsOf(after)
  expect([QuantizeLinear, DequantizeLinear, QLinearConv]).toEqual([1, 1, 2])
})
