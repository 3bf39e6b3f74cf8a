import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { opsOf, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { addNegated } from './add-negated.ts'

const model = (body: string, input = '1,8,6,5', output = 'float y') =>
  modelWith(`g (float[${input}] x) => (${output}) { ${body} }`, {
    w: [8, 8, 3, 3],
    v: [8, 8, 1, 1],
    b: [8],
    t: [8, 8, 2, 2],
    u: [8, 8, 2, 2],
    m: [8, 8],
  })

test.each([
  ['a convolution', 'c = Conv<pads = [1,1,1,1]>(x, w, b) y = Sub(x, c)', ['Conv', 'Add']],
  ['a convolution without a bias', 'c = Conv(x, v) y = Sub(x, c)', ['Conv', 'Add']],
  [
    'a transposed convolution',
    'a = Conv<strides = [2,2]>(x, t) c = ConvTranspose<strides = [2,2], output_padding = [0,1]>(a, u) y = Sub(x, c)',
    ['Conv', 'ConvTranspose', 'Add'],
  ],
  ['the later of two', 'a = Conv(x, v) c = Conv(x, w, b) d = Conv<pads = [1,1,1,1]>(c, w) y = Sub(c, d)', null],
])('%s is taken away by adding it, unless its weights are shared', async (_, body, ops) => {
  const { after, report } = await rewriteWith(addNegated, model(body))
  if (ops) expect(opsOf((await rewriteEqually(addNegated, model(body))).after)).toEqual(ops)
  else {
    expect(report).toMatchObject({ applied: 0, refused: [{ reason: 'its weights are also read elsewhere' }] })
    expect(opsOf(after)).toContain('Sub')
  }
})

test.each([
  ['Gemm', 'c = Gemm(x, m, b) y = Sub(x, c)'],
  ['MatMul', 'c = MatMul(x, m) y = Sub(x, c)'],
])('so is a %s', async (operator, body) => {
  expect(opsOf((await rewriteEqually(addNegated, model(body, '4,8'))).after)).toEqual([operator, 'Add'])
})

test.each([
  ['what is read elsewhere', 'c = Conv(x, v, b) d = Sub(x, c) y = Add(d, c)', '1,8,6,5', 'float y'],
  ['an output', 'c = Conv(x, v, b) y = Sub(x, c)', '1,8,6,5', 'float y, float c'],
  ['a convolution less itself', 'c = Conv(x, v, b) y = Sub(c, c)', '1,8,6,5', 'float y'],
  ['what something is taken from', 'c = Conv(x, v, b) y = Sub(c, x)', '1,8,6,5', 'float y'],
])('left alone: %s', async (_, body, input, output) => {
  expect((await rewriteWith(addNegated, model(body, input, output))).report.applied).toBe(0)
})
