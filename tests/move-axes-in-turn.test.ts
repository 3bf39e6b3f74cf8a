import { expect, test } from 'vitest'
import { moveAxesInTurn } from '../src/passes/layout/index.ts'
import { quantizeStaticInt8 } from '../src/passes/quantize/index.ts'
import { kernelsOf, modelWith, randomValue, rangesOf } from './quantize-kit.ts'

test('between integer convolutions, codes are moved as codes', async () => {
  const before = modelWith(
    'g (float[1,16,64,64] x) => (float y) { h = Conv(x, w) d = DepthToSpace<blocksize = 3, mode = "CRD">(h) y = Conv(d, v) }',
    { w: [9, 16, 1, 1], v: [16, 1, 3, 3] },
  )
  const evidence = [{ report: await rangesOf(before, { x: randomValue([1, 16, 64, 64], 3) }) }]
  const coded = (await quantizeStaticInt8.run(before, { placement: 'everywhere' }, evidence)).model
  const { model: after, report } = await moveAxesInTurn.run(coded, {}, [])
  expect(report.applied).toBe(1)
  const { QuantizeLinear, DequantizeLinear, QLinearConv } = await kernelsOf(after)
  expect([QuantizeLinear, DequantizeLinear, QLinearConv]).toEqual([1, 1, 2])
})
