import { expect, test } from 'vitest'
import {
  decibels,
  inIntegers,
  kernelsOf,
  modelWith,
  randomValue,
  rangesOf,
  runOnce,
} from '../../../../tests/quantize-kit.ts'
import { quantizeStaticInt8 } from '../static/quantize-static-int8.ts'
import { fuseDecodedSilu } from './fuse-decoded-silu.ts'

const model = modelWith(
  `g (float[1,16,12,12] x) => (float y) {
     h = Conv(x, w)  gate = Sigmoid(h)  s = Mul(h, gate)  y = Add(s, s) }`,
  { w: [16, 16, 1, 1] },
)

test('a SiLU left in float behind an integer convolution is one kernel', async () => {
  const feeds = { x: randomValue([1, 16, 12, 12], 3) }
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const options = { placement: 'everywhere', keepFloat: ['Sigmoid', 'Mul', 'Add'] } as const
  const before = (await quantizeStaticInt8.run(model, options, evidence)).model
  const { model: after, report } = await fuseDecodedSilu.run(before, {}, [])
  expect(report.applied).toBe(1)
  expect(await kernelsOf(after)).toMatchObject({ QLinearConv: 1, QuickGelu: 1 })
  expect(await kernelsOf(after)).not.toHaveProperty('Sigmoid')
  const [old, now] = [await runOnce(before, feeds), await runOnce(after, feeds)]
  expect(decibels(old.y!, now.y!)).toBeGreaterThan(100)
})

test('a SiLU in integers keeps its two kernels', async () => {
  const feeds = { x: randomValue([1, 16, 12, 12], 3) }
  const before = (await inIntegers(model, feeds)).model
  const { report } = await fuseDecodedSilu.run(before, {}, [])
  expect(report.applied).toBe(0)
  expect(await kernelsOf(before)).toMatchObject({ QLinearSigmoid: 1, QLinearMul: 1 })
})
