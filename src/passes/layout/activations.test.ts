import { expect, test } from 'vitest'
import { modelWith, randomValue, runOnce } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { eluByComparison } from './elu-by-comparison.ts'
import { mishBySigmoid } from './mish-by-sigmoid.ts'
import { powersByProducts } from './powers-by-products.ts'
import { slopesAsProducts } from './slopes-as-products.ts'
import { softplusBySigmoid } from './softplus-by-sigmoid.ts'

test.each([
  ['of a picture', '1,16,16,16', [16, 1, 1]],
  ['of a batch that is not known', 'N,16,16,16', [16, 1, 1]],
  ['of a sequence of any length', 'N,16,T', [1, 16, 1]],
  ['of the last axis', '1,16,16,16', [16]],
] as const)('slopes a channel become products: %s', async (_, shape, slopes) => {
  const { before, after, ops, report } = await rewriteWith(
    slopesAsProducts,
    modelWith(`g (float[${shape}] x) => (float y) { y = PRelu(x, s) }`, { s: slopes }),
  )
  expect(report.applied).toBe(1)
  expect(ops).toEqual(['Mul', 'Mul', 'Relu', 'Add'])
  await expectEqualModels(before, after, { sizes: { N: 2, T: 5 }, samples: 1 })
})

test.each([
  [
    'between convolutions, in whole blocks of channels',
    16,
    'y = Conv(p, v)',
    ['Conv', 'Mul', 'Mul', 'Relu', 'Add', 'Conv'],
  ],
  ['of broken blocks', 12, 'y = Conv(p, v)', ['Conv', 'PRelu', 'Conv']],
  ['that no convolution reads', 16, 'y = Sigmoid(p)', ['Conv', 'PRelu', 'Sigmoid']],
] as const)('slopes of few numbers: %s', async (_, channels, reader, expected) => {
  const { before, after, ops } = await rewriteWith(
    slopesAsProducts,
    modelWith(`g (float[1,3,4,4] x) => (float y) { c = Conv(x, w) p = PRelu(c, s) ${reader} }`, {
      w: [channels, 3, 1, 1],
      s: [channels, 1, 1],
      v: [4, channels, 1, 1],
    }),
  )
  expect(ops).toEqual(expected)
  await expectEqualModels(before, after, { samples: 1 })
})

test.each([
  [1, ['QuantizeLinear', 'DequantizeLinear', 'Mul', 'Max']],
  [1.01, ['QuantizeLinear', 'DequantizeLinear', 'Relu', 'Mul', 'Mul', 'Add']],
])('between integers it is the greater of two, where no slope is above 1: %s', async (most, expected) => {
  const { before, after, ops, report } = await rewriteWith(
    slopesAsProducts,
    modelWith(
      `g (float[1,32,32,4] x) => (float y)
      <float[4] s = {-0.5, 0, 0.25, ${most}}, float scale = {0.02}, uint8 zero = {100}>
      { q = QuantizeLinear(x, scale, zero) d = DequantizeLinear(q, scale, zero) y = PRelu(d, s) }`,
      {},
    ),
  )
  expect(report.applied).toBe(1)
  expect(ops).toEqual(expected)
  await expectEqualModels(before, after, { samples: 1 })
})

test.each([
  ['few numbers', 'float[1,16,4,4] x', '', { s: [16, 1, 1] }],
  ['slopes that are computed', 'float[1,16,16,16] x, float[16,1,1] s', '', {}],
  ['half precision', 'float16[1,16,16,16] x, float16[16,1,1] s', '', {}],
] as const)('PRelu is left alone: %s', async (_, inputs, __, weights) => {
  const type = inputs.startsWith('float16') ? 'float16' : 'float'
  const model = modelWith(`g (${inputs}) => (${type} y) { y = PRelu(x, s) }`, weights)
  expect((await rewriteWith(slopesAsProducts, model)).report.applied).toBe(0)
})

test.each([
  ['spelled', 'p = Softplus(x) t = Tanh(p) y = Mul(x, t)', ['Sigmoid', 'Sub', 'Mul', 'Sub', 'Div', 'Mul']],
  ['as one operator', 'y = Mish(x)', ['Sigmoid', 'Sub', 'Mul', 'Sub', 'Div', 'Mul']],
  [
    'whose softplus is read elsewhere',
    'p = Softplus(x) t = Tanh(p) y = Mul(p, t)',
    ['Softplus', 'Sigmoid', 'Sub', 'Mul', 'Sub', 'Div', 'Mul'],
  ],
] as const)('Mish %s is computed from a sigmoid', async (_, body, expected) => {
  const { before, after, ops, report } = await rewriteWith(
    mishBySigmoid,
    modelWith(`g (float[N,8] x) => (float y) { ${body} }`, {}),
  )
  expect(report.applied).toBe(1)
  expect(ops).toEqual(expected)
  for (const scale of [1, 30, 300]) await expectEqualModels(before, after, { scale })
})

test.each([
  ['another hyperbolic tangent', 'float', 'p = Abs(x) y = Tanh(p)'],
  ['half precision', 'float16', 'p = Softplus(x) y = Tanh(p)'],
] as const)('left alone: %s', async (_, type, body) => {
  const { report } = await rewriteWith(mishBySigmoid, modelWith(`g (${type}[2,8] x) => (${type} y) { ${body} }`, {}))
  expect(report.applied).toBe(0)
})

test('Softplus is computed from the logarithm of a sigmoid', async () => {
  const { before, after, ops } = await rewriteWith(
    softplusBySigmoid,
    modelWith('g (float[N,4096] x) => (float y) { y = Softplus(x) }', {}),
  )
  expect(ops).toEqual(['Abs', 'Sigmoid', 'Log', 'Relu', 'Sub'])
  for (const scale of [1, 30, 300]) {
    await expectEqualModels(before, after, { scale })
    const feeds = { x: randomValue([1, 4096], 5, scale) }
    const [was, is] = [(await runOnce(before, feeds)).y!.data, (await runOnce(after, feeds)).y!.data] as Float32Array[]
    for (const [i, value] of was!.entries())
      expect(Math.abs(is![i]! - value)).toBeLessThan(3e-7 * Math.max(1, Math.abs(value)))
  }
})

test.each([
  ['few numbers', 'float', 'float[2,8]'],
  ['half precision', 'float16', 'float16[2,4096]'],
] as const)('Softplus is left alone: %s', async (_, type, input) => {
  const model = modelWith(`g (${input} x) => (${type} y) { y = Softplus(x) }`, {})
  expect((await rewriteWith(softplusBySigmoid, model)).report.applied).toBe(0)
})

test('Elu is the greater of a number and its exponential less one', async () => {
  const { before, after, ops } = await rewriteWith(
    eluByComparison,
    modelWith('g (float[N,4096] x) => (float y) { y = Elu(x) }', {}),
  )
  expect(ops).toEqual(['Min', 'Exp', 'Sub', 'Max'])
  for (const scale of [1, 30, 300]) {
    await expectEqualModels(before, after, { scale })
    const feeds = { x: randomValue([1, 4096], 5, scale) }
    const [was, is] = [(await runOnce(before, feeds)).y!.data, (await runOnce(after, feeds)).y!.data] as Float32Array[]
    for (const [i, value] of was!.entries()) expect(Math.abs(is![i]! - value)).toBeLessThan(3e-7)
  }
})

test.each([
  ['few numbers', 'float', 'float[2,8]', 'Elu'],
  ['half precision', 'float16', 'float16[2,4096]', 'Elu'],
  ['another slope far below zero', 'float', 'float[2,4096]', 'Elu<alpha = 1.5>'],
] as const)('Elu is left alone: %s', async (_, type, input, operator) => {
  const model = modelWith(`g (${input} x) => (${type} y) { y = ${operator}(x) }`, {})
  expect((await rewriteWith(eluByComparison, model)).report.applied).toBe(0)
})

test.each([
  [2, ['Mul']],
  [3, ['Mul', 'Mul']],
  [4, ['Mul', 'Mul']],
  [0.5, ['Sqrt']],
  [-0.5, ['Sqrt', 'Reciprocal']],
  [-1, ['Reciprocal']],
  [-2, ['Mul', 'Reciprocal']],
])('the power %s is made of products and roots', async (exponent, expected) => {
  const body = `<float e = {${exponent.toFixed(1)}}, float half = {0.5}> { a = Abs(x)  b = Add(a, half)  y = Pow(b, e) }`
  const { before, after, ops } = await rewriteWith(
    powersByProducts,
    modelWith(`g (float[N,4096] x) => (float y) ${body}`, {}),
  )
  expect(ops).toEqual(['Abs', 'Add', ...expected])
  await expectEqualModels(before, after, { scale: 3 })
})

test('the square of a number below zero is one as well', async () => {
  const model = modelWith('g (float[N,64] x) => (float y) <int64[1] e = {2}> { y = Pow(x, e) }', {})
  const { before, after, ops } = await rewriteWith(powersByProducts, model)
  expect(ops).toEqual(['Mul'])
  await expectEqualModels(before, after, { scale: 3 })
})

test.each([
  ['another exponent', 'float[2,4096]', '<float e = {2.5}> { y = Pow(x, e) }'],
  ['an exponent of more axes', 'float[4096]', '<float[1,1] e = {2.0}> { y = Pow(x, e) }'],
  ['exponents of their own', 'float[2,2]', '<float[2] e = {2.0, 2.0}> { y = Pow(x, e) }'],
  ['a mean of squares', 'float[2,4096]', '<float e = {2.0}> { s = Pow(x, e)  y = ReduceMean(s) }'],
  ['few numbers, and two nodes for them', 'float[2,8]', '<float e = {3.0}> { y = Pow(x, e) }'],
])('Pow is left alone: %s', async (_, input, body) => {
  const model = modelWith(`g (${input} x) => (float y) ${body}`, {})
  expect((await rewriteWith(powersByProducts, model)).report.applied).toBe(0)
})
