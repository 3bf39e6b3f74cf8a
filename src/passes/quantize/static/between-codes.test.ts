import { expect, test } from 'vitest'
import { kernelsOf, modelWith, randomValue, rangesOf, runOnce } from '../../../../tests/quantize-kit.ts'
import { quantizeStaticInt8 } from './quantize-static-int8.ts'

const GRAPHS = {
  Add: 'h = Conv(x, w) g = Conv(x, v) m = Add(h, g) y = Conv(m, w)',
  AveragePool: 'h = Conv(x, w) m = AveragePool<kernel_shape = [2, 2]>(h) y = Conv(m, w)',
  Sigmoid: 'h = Conv(x, w) m = Sigmoid(h) y = Conv(m, w)',
  Mul: 'h = Conv(x, w) g = Conv(x, v) m = Mul(h, g) r = Relu(m) y = Conv(r, w)',
}

test.each(Object.entries(GRAPHS))('%s kept in float between codes runs in float', async (name, body) => {
  const model = modelWith(`g (float[1,8,6,6] x) => (float y) { ${body} }`, { w: [8, 8, 1, 1], v: [8, 8, 1, 1] })
  const feeds = { x: randomValue([1, 8, 6, 6], 3) }
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const quantized = async (keepFloat: readonly string[]) =>
    (await quantizeStaticInt8.run(model, { placement: 'everywhere', keepFloat }, evidence)).model
  const integer = `QLinear${name}`
  expect(await kernelsOf(await quantized([]))).toHaveProperty(integer)
  const kept = await quantized([name])
  const kernels = await kernelsOf(kept)
  expect(kernels).not.toHaveProperty(integer)
  expect(kernels).toMatchObject({ [name]: 1 })
  const [before, now] = [(await runOnce(model, feeds)).y!.data, (await runOnce(kept, feeds)).y!.data] as Float32Array[]
  for (const [i, value] of before!.entries()) expect(Math.abs(now![i]! - value)).toBeLessThan(0.05)
})
