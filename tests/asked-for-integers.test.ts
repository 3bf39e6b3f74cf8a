import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { quantize } from '../src/index.ts'
import { parseModel } from '../src/ir/index.ts'
import { renderTerminal } from '../src/view/index.ts'
import { percent } from '../src/view/words.ts'
import { modelWith, randomTensor } from './quantize-kit.ts'

test('static int8 stands everywhere where it pays nowhere, since it was asked for, and the report says so', async () => {
  // Depthwise over a handful of pixels: by cost, every node of it is float.
  const model = modelWith('g (float[N,4,4,4] x) => (float y) { y = Conv<group = 4, pads = [1, 1, 1, 1]>(x, w) }', {
    w: [4, 1, 3, 3],
  })
  const data = await memoryDataset(
    { x: { dtype: 'float32', dims: [8, 4, 4, 4], data: Float32Array.from({ length: 512 }, (_, i) => Math.sin(i)) } },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4, 4, 4] }] },
  )
  const { report } = await quantize(model, { scheme: 'static-int8', data })
  expect(report.planned).toEqual({ QLinearConv: 1 })
  expect(report.kernels).toMatchObject({ QLinearConv: 1 })
  expect(report.warnings.join()).toMatch(/integers stand everywhere since they were asked for/)

  const balanced = await quantize(model, { scheme: 'static-int8', data, pass: { placement: 'balanced' } })
  expect(balanced.report.planned).toEqual({})
  expect(balanced.report.float.map(({ reason }) => reason).join()).toMatch(
    /^float is cheaper between its neighbours \(0\.\d+ ms in float, 0\.\d+ ms in integers, by formulas\)$/,
  )
})

test('a node that would be faster in integers, but for the conversions around it, is not said to be cheaper in float', async () => {
  const model = modelWith(
    `g (float[N,3,24,24] x) => (float y) { h = Conv<pads = [1, 1, 1, 1]>(x, w) r = Relu(h)
      s = Constant<value_floats = [1.0, 1.0, 2.0, 2.0]>() u = Resize<mode = "linear">(r, , s) y = Conv<pads = [1, 1, 1, 1]>(u, v) }`,
    { w: [24, 3, 3, 3], v: [3, 24, 3, 3] },
  )
  const values = Float32Array.from({ length: 4 * 3 * 576 }, (_, i) => Math.sin(i))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [4, 3, 24, 24], data: values } })
  const { report } = await quantize(model, { scheme: 'static-int8', data })
  const reason = report.float.find(({ node }) => node === 'h')!.reason
  expect(reason).toMatch(/^the conversions around it cost more than its integers save/)
  const [float, integer] = [...reason.matchAll(/([\d.]+) ms/g)].map(([, ms]) => Number(ms))
  expect(integer).toBeLessThan(float!)
})

test('integers asked for come also where the float graph was given faster kernels', async () => {
  // By cost the product is float; the sum in front of the normalization is rewritten for the native target in any case.
  const model = modelWith(
    'g (float[N,6] x) => (float y) { h = MatMul(x, w) s = Add(x, h) y = LayerNormalization(s, scale) }',
    { w: [6, 6], scale: [6] },
  )
  const values = Float32Array.from({ length: 16 * 6 }, (_, i) => Math.sin(i))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [16, 6], data: values } })
  const { report } = await quantize(model, { scheme: 'static-int8', data })
  expect(Object.values(report.planned).reduce((a, b) => a + b, 0)).toBeGreaterThan(0)
  expect(report.warnings.join()).toMatch(/integers stand everywhere since they were asked for/)
})

test('a model that is integer already says so, and what to do', async () => {
  const model = modelWith(
    'g (float[N,16,12,12] x) => (float y) { h = Conv<pads = [1, 1, 1, 1]>(x, w) y = Conv<pads = [1, 1, 1, 1]>(h, v) }',
    { w: [16, 16, 3, 3], v: [16, 16, 3, 3] },
  )
  const values = Float32Array.from({ length: 8 * 16 * 144 }, (_, i) => Math.sin(i))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [8, 16, 12, 12], data: values } })
  const first = await quantize(model, { scheme: 'static-int8', data })
  expect(first.report.planned.QLinearConv).toBe(2)
  const { report } = await quantize(first.model, { scheme: 'static-int8', data })
  expect(report.warnings.join()).toMatch(/the model is integer already \(.*DequantizeLinear/)
  expect(report.warnings.join()).toMatch(/quantize the float model that it was made from/)
  expect(renderTerminal(report, { color: false, width: 100 })).not.toContain('-0 %')
})

test('a scheme that finds nothing at all points to no reasons that are not there', async () => {
  const model = modelWith('g (float[N,4] x) => (float y) { y = Neg(x) }', {})
  const { report } = await quantize(model, { scheme: 'float16' })
  expect(report.float).toEqual([])
  expect(report.warnings).toEqual(['nothing was quantized: there are no float32 weights here that the scheme changes'])
})

test('products inside functions of the model are seen', async () => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21, "my" : 1]> g (float[N,6] x) => (float[N,6] y) {
      h = my.Dense (x, w) y = my.Dense (h, w) }
    <domain: "my", opset_import: ["" : 21]> Dense (a, b) => (c) { p = MatMul (a, b) c = Relu (p) }`)
  const initializers = new Map([['w', randomTensor([6, 6], 3, 1, 'w')]])
  const whole = { ...model, graph: { ...model.graph, initializers } }
  const values = Float32Array.from({ length: 16 * 6 }, (_, i) => Math.sin(i))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [16, 6], data: values } })
  const { report } = await quantize(whole, { scheme: 'static-int8', data })
  expect(report.passes).toContainEqual({ id: 'inlineFunctions', applied: 1, refused: [] })
  expect(Object.entries(report.planned)).toContainEqual([expect.stringMatching(/MatMul/), expect.any(Number)])
})

test('a change that rounds to nothing has no sign', () => {
  expect([percent(-0.001, 0), percent(-0.006, 0), percent(0.001, 0)]).toEqual(['0 %', '-1 %', '0 %'])
})
