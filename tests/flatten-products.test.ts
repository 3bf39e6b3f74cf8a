import { expect, test } from 'vitest'
import { passes } from '../src/passes/index.ts'
import type { Pass } from '../src/rewrite/index.ts'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, runOnce } from './quantize-kit.ts'
import { expectEqualModels, rewriteWith } from './rewrite-kit.ts'

const [flattenProducts, shareSizes] = [passes.flattenProducts, passes.shareSizes] as unknown as [Pass, Pass]

const model = (body: string, input = 'float[N,L,16] x', opset?: number) =>
  modelWith(`g (${input}) => (float y) { ${body} }`, { w: [16, 24], b: [24], v: [24, 16], c: [16] }, opset)
const FEED_FORWARD = 'p = MatMul(x, w) q = Add(p, b) r = Relu(q) s = MatMul(r, v) t = Add(c, s) y = Mul(t, t)'

test.each([
  ['one free size', 'float[N,5,16] x', ['Reshape', 'Gemm', 'Relu', 'Reshape', 'Reshape', 'Gemm', 'Reshape', 'Mul']],
  [
    'two free sizes',
    'float[N,L,16] x',
    ['Reshape', 'Shape', 'Concat', 'Gemm', 'Relu', 'Reshape', 'Reshape', 'Shape', 'Concat', 'Gemm', 'Reshape', 'Mul'],
  ],
])('biases of products over rows with %s are taken in', async (_, input, expected) => {
  const { before, after, ops, report } = await rewriteWith(flattenProducts, model(FEED_FORWARD, input))
  expect(report.applied).toBe(2)
  expect(ops).toEqual(expected)
  await expectEqualModels(before, after, { sizes: { N: 2, L: 3 } })
  // No row at all: a size of zero is one.
  for (const dims of [
    [3, 5, 16],
    [0, 5, 16],
  ])
    expect((await runOnce(after, { x: randomValue(dims, 3) })).y!.dims).toEqual(dims)
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ FusedGemm: 1, Gemm: 1 })
  expect(kernels).not.toHaveProperty('Add')
})

test('products that read one value read the same rows, and sizes are asked for once', async () => {
  const heads = 'p = MatMul(x, w) y1 = Add(p, b) q = MatMul(x, u) y2 = Add(q, b) y = Mul(y1, y2)'
  const built = modelWith(`g (float[N,L,16] x) => (float y) { ${heads} }`, { w: [16, 24], u: [16, 24], b: [24] })
  const { before, after } = await rewriteWith(flattenProducts, built)
  const { after: shared, ops } = await rewriteWith(shareSizes, after)
  expect(ops).toEqual(['Reshape', 'Shape', 'Concat', 'Gemm', 'Reshape', 'Gemm', 'Reshape', 'Mul'])
  await expectEqualModels(before, shared, { sizes: { N: 2, L: 3 } })
})

test('integer products take their bias in where sizes are free, codes staying codes', async () => {
  const before = model(FEED_FORWARD)
  const feeds = { x: randomValue([2, 3, 16], 3) }
  const quantized = await inIntegers(before, feeds)
  expect(quantized.report.planned).toMatchObject({ QGemm: 2 })
  expect(await kernelsOf(quantized.model)).not.toHaveProperty('QGemm')
  const { model: after, report } = await flattenProducts.run(quantized.model, {}, [])
  expect(report.applied).toBe(2)
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ QGemm: 2 })
  expect(kernels).not.toHaveProperty('Relu')
  // Sizes are those of the codes: no value is widened for nothing else.
  expect(kernels.DequantizeLinear).toBe(1)
  const [old, now] = [await runOnce(before, feeds), await runOnce(after, feeds)]
  expect(decibels(old.y!, now.y!)).toBeGreaterThan(30)
})

test.each([
  ['sizes that are known', 'p = MatMul(x, w) y = Add(p, b)', 'float[2,3,16] x', undefined],
  ['two axes', 'p = MatMul(x, w) y = Add(p, b)', 'float[N,16] x', undefined],
  ['another reader', 'p = MatMul(x, w) q = Add(p, b) y = Mul(p, q)', 'float[N,3,16] x', /read elsewhere/],
  [
    'a bias of one number',
    'z = Constant<value = float[1] {2}>() p = MatMul(x, w) y = Add(p, z)',
    'float[N,3,16] x',
    /one number a column/,
  ],
  ['an old opset', 'p = MatMul(x, w) y = Add(p, b)', 'float[N,L,16] x', /opset 14/],
])('products stay: %s', async (name, body, input, reason) => {
  const { report, reasons } = await rewriteWith(flattenProducts, model(body, input, name === 'an old opset' ? 14 : 21))
  expect(report.applied).toBe(0)
  if (reason) expect(reasons.join()).toMatch(reason)
  else expect(reasons).toEqual([])
})
