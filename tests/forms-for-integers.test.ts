import { expect, test } from 'vitest'
import { passes } from '../src/passes/index.ts'
import { inIntegers, kernelsOf, modelWith, randomValue } from './quantize-kit.ts'

/** What runs of a model that goes through this pass, static integers and the repair of averages. */
async function integerKernels(pass: string, body: string, weights: Readonly<Record<string, readonly number[]>>) {
  const text = `g (float[1,8,6,5] x) => (float y) <int64[1] axes = {3}> { ${body} }`
  let { model } = await passes[pass]!.run(modelWith(text, weights), {} as never, [])
  model = (await inIntegers(model, { x: randomValue([1, 8, 6, 5], 3) })).model
  return kernelsOf((await passes.convolveAverages!.run(model, {} as never, [])).model)
}

test('what a Sub takes away is an integer sum', async () => {
  const body = 'a = Conv(x, v, b) c = Conv<pads = [1,1,1,1]>(a, w) d = Sub(a, c) e = Relu(d) y = Conv(e, t)'
  const weights = { v: [8, 8, 1, 1], w: [8, 8, 3, 3], t: [8, 8, 2, 2], b: [8] }
  const kernels = await integerKernels('addNegated', body, weights)
  expect(kernels).toMatchObject({ QLinearConv: 3, QLinearAdd: 1, QuantizeLinear: 1, DequantizeLinear: 1 })
  expect(kernels).not.toHaveProperty('Sub')
})

test('means over lines are integer convolutions', async () => {
  const body = 'c = Conv(x, w) r = Relu(c) m = ReduceMean(r, axes) y = Conv(m, v)'
  const kernels = await integerKernels('averageInBlocks', body, { w: [16, 8, 3, 3], v: [8, 16, 1, 1] })
  expect(kernels).toMatchObject({ QLinearConv: 3, QuantizeLinear: 1, DequantizeLinear: 1 })
  expect(kernels).not.toHaveProperty('ReduceMean')
})

test('a mean over channels that stands beside their maximum is an integer convolution', async () => {
  const body = `c = Conv(x, w) r = Relu(c) m = ReduceMean(r, channels) g = ReduceMax(r, channels)
    j = Concat<axis = 1>(m, g) y = Conv(j, v)`
  const constants = 'channels = Constant<value_ints = [1]>()'
  const kernels = await integerKernels('averageByConvolution', `${constants} ${body}`, {
    w: [16, 8, 3, 3],
    v: [8, 2, 1, 1],
  })
  expect(kernels).toMatchObject({ QLinearConv: 3, ReduceMax: 1, QuantizeLinear: 1, DequantizeLinear: 1 })
  expect(kernels).not.toHaveProperty('ReduceMean')
})
