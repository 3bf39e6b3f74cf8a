import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../../tests/quantize-kit.ts'

const weights = { w: [16, 8, 1, 1], v: [16, 16, 3, 3], u: [16, 16, 1, 1], b: [16] }

/** `body` computes y from x; `c` is the number that it multiplies by. */
async function quantized(body: string, c: string, keepFloat: readonly string[] = []) {
  const model = modelWith(`g (float[1,8,12,10] x) => (float y) <float${c}> { ${body} }`, weights)
  const feeds = { x: randomValue([1, 8, 12, 10], 3) }
  const { model: after } = await inIntegers(model, feeds, { keepFloat })
  const [exact, integers] = [await runOnce(model, feeds), await runOnce(after, feeds)]
  expect(integers.y!.dims).toEqual(exact.y!.dims)
  return { kernels: await kernelsOf(after), noise: decibels(exact.y!, integers.y!) }
}

test.each([
  ['a sum', 'm = Mul(h, c)  n = Mul(p, c)  s = Add(m, n)  y = Conv(s, u)', { QLinearConv: 3, QLinearAdd: 1 }],
  ['a convolution that pads', 'm = Mul(c, p)  y = Conv<pads = [1,1,1,1]>(m, v, b)', { QLinearConv: 3 }],
  ['a joint', 'm = Mul(h, c)  y = Concat<axis = 1>(p, m)', { QLinearConv: 2, QLinearConcat: 1 }],
  ['the output', 'y = Mul(p, c)', { QLinearConv: 2, DequantizeLinear: 1 }],
  ['a product and a pool', 'm = Mul(p, c)  g = GlobalAveragePool(m)  y = Mul(m, g)', { QLinearMul: 1 }],
])('what %s reads multiplied by a positive number takes no kernel', async (_, readers, kernels) => {
  const body = `a = Conv(x, w, b)  h = Relu(a)  p = Conv(h, u)  ${readers}`
  for (const c of [' c = {0.3}', '[1,1,1] c = {2.5}']) {
    const after = await quantized(body, c)
    expect(after.kernels).toMatchObject({ ...kernels, QuantizeLinear: 1 })
    expect(after.kernels.QLinearMul ?? 0).toBe('QLinearMul' in kernels ? 1 : 0)
    expect(after.kernels.Mul).toBeUndefined()
    expect(after.noise).toBeGreaterThan(30)
  }
})

test('a negative number, and one a channel, are products of codes', async () => {
  const body = 'a = Conv(x, w, b)  h = Relu(a)  m = Mul(h, c)  y = Conv<pads = [1,1,1,1]>(m, v)'
  expect((await quantized(body, ' c = {-0.3}')).kernels).toMatchObject({ QLinearMul: 1 })
  const each = `[16,1,1] c = {${Array.from({ length: 16 }, (_, i) => 0.3 + i / 20)}}`
  expect((await quantized(body, each)).kernels).toMatchObject({ QLinearMul: 1 })
})

test('a number of more axes than the value keeps them', async () => {
  const body = 'a = Conv(x, w, b)  h = Relu(a)  m = Mul(h, c)  y = ReduceSum<keepdims = 1>(m)'
  const { kernels } = await quantized(body, '[1,1,1,1,1] c = {0.5}')
  expect(kernels.QLinearMul).toBe(1)
})

test('what is asked to stay in float does', async () => {
  const body = 'a = Conv(x, w, b)  h = Relu(a)  [kept] m = Mul(h, c)  y = Conv<pads = [1,1,1,1]>(m, v)'
  expect((await quantized(body, ' c = {0.3}', ['kept'])).kernels).toMatchObject({ Mul: 1 })
})
