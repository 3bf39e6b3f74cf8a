import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue } from '../../../../tests/quantize-kit.ts'

test('between integer convolutions the Gather moves codes', async () => {
  const order = Array.from({ length: 32 }, (_, i) => (i * 5) % 32)
  const model = modelWith(
    `g (float[1,16,12,12] x) => (float y) <int64[32] order = {${order}}>
     { c = Conv<pads = [1,1,1,1]>(x, w) s = Gather<axis = 1>(c, order) y = Conv<pads = [1,1,1,1]>(s, v) }`,
    { w: [32, 16, 3, 3], v: [8, 32, 3, 3] },
  )
  const { model: after } = await inIntegers(model, { x: randomValue([1, 16, 12, 12], 3) })
  expect(await kernelsOf(after)).toMatchObject({ QLinearConv: 2, Gather: 1, QuantizeLinear: 1, DequantizeLinear: 1 })
})
