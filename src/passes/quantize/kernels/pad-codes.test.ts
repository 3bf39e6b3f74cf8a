import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { checkModel } from '../../../ir/index.ts'

async function quantized(pad: string, behind = 'y = Conv(q, v)') {
  const model = modelWith(
    `g (float[1,16,9,8] x) => (float y) <int64[8] pads = {0, 0, 1, 2, 0, 0, 2, 1}, float zero = {0}, float one = {1}> { h = Conv(x, w) q = ${pad} ${behind} }`,
    { w: [16, 16, 1, 1], v: [16, 16, 3, 3] },
  )
  const feeds = { x: randomValue([1, 16, 9, 8], 3) }
  const { model: after, report } = await inIntegers(model, feeds)
  return { model, after, report, feeds }
}

test.each(['Pad(h, pads)', 'Pad(h, pads, zero)', 'Pad<mode = "reflect">(h, pads)', 'Pad<mode = "edge">(h, pads)'])(
  '%s between convolutions moves codes',
  async (pad) => {
    const { model, after, report, feeds } = await quantized(pad)
    expect(report.planned).toEqual({ QLinearConv: 2, Pad: 1 })
    expect(checkModel(after)).toEqual([])
    expect(await kernelsOf(after)).toMatchObject({ QLinearConv: 2, Pad: 1, QuantizeLinear: 1, DequantizeLinear: 1 })
    const [exact, codes] = await Promise.all([model, after].map((one) => runOnce(one, feeds)))
    expect(codes!.y!.dims).toEqual(exact!.y!.dims)
    expect(decibels(exact!.y!, codes!.y!)).toBeGreaterThan(30)
  },
)

test('a Pad that is an output as well gives floats', async () => {
  const { model, after, report, feeds } = await quantized('Pad<mode = "edge">(h, pads)', 'y = Relu(q)')
  expect(report.planned?.QLinearConv).toBe(1)
  const [exact, codes] = await Promise.all([model, after].map((one) => runOnce(one, feeds)))
  expect(decibels(exact!.y!, codes!.y!)).toBeGreaterThan(30)
})

test('a Pad with another value than zero stays in float, with its reason', async () => {
  const { report } = await quantized('Pad(h, pads, one)')
  expect(report.planned).not.toHaveProperty('Pad')
  expect(report.refused.map((item) => item.reason).join()).toMatch(/another value than zero/)
})
