import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'

async function quantized(body: string, input = '2,16,12,10') {
  const text = `g (float[${input}] x) => (float y) <int64[1] h = {1}, int64[2] a = {2, 3}> { ${body} }`
  const model = modelWith(text, { w: [16, 16, 3, 3], v: [16, 16, 1, 1], u: [8, 1, 3, 3], b: [16] })
  const feeds = { x: randomValue([2, 16, 12, 10], 3) }
  const { model: after, report } = await inIntegers(model, feeds)
  const [exact, fused] = [await runOnce(model, feeds), await runOnce(after, feeds)]
  return { report, kernels: await kernelsOf(after), noise: decibels(exact.y!, fused.y!) }
}

test('the greatest of a picture is a pool of codes', async () => {
  const { kernels, report, noise } = await quantized('c = Conv(x, w, b) m = GlobalMaxPool(c) y = Conv(m, v, b)')
  expect(kernels).toMatchObject({ QLinearConv: 2, NhwcMaxPool: 1, QuantizeLinear: 1, DequantizeLinear: 1 })
  expect(kernels).not.toHaveProperty('GlobalMaxPool')
  expect(report.refused).toEqual([])
  expect(noise).toBeGreaterThan(35)
})

test.each([
  ['channels', 'h', 'u'],
  ['height and width', 'a', 'v'],
])('the greatest over %s is one of codes', async (_, axes, weights) => {
  const { kernels, report, noise } = await quantized(
    `c = Conv(x, w, b) m = ReduceMax(c, ${axes}) y = Conv<pads = [1,1,1,1]>(m, ${weights})`,
  )
  expect(kernels).toMatchObject({ QLinearConv: 2, ReduceMax: 1, QuantizeLinear: 1, DequantizeLinear: 1 })
  expect(report).toMatchObject({ planned: { QLinearConv: 2, ReduceMax: 1 }, refused: [] })
  expect(noise).toBeGreaterThan(35)
})

test('where the picture has an open size, its greatest stays in float, with the reason', async () => {
  const { report } = await quantized('c = Conv(x, w, b) m = GlobalMaxPool(c) y = Conv(m, v, b)', '2,16,H,W')
  expect(report.refused).toContainEqual({
    node: 'm',
    reason: 'the size of its picture is open, and the runtime has no integer kernel for GlobalMaxPool',
  })
})
