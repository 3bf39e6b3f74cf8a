import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { sumByMask } from './sum-by-mask.ts'

const model = (body: string, output = 'float[N,5] y', mask = 'float[N,4,1] m') =>
  `<ir_version: 8, opset_import: ["" : 20]> g (float[N,4,5] e, ${mask}) => (${output}) <int64[1] one = {1}, int64[1] back = {-2}, int64[1] last = {2}> { ${body} }`

test.each([
  ['p = Mul(e, m) y = ReduceSum<keepdims = 0>(p, one)', 'float[N,5] y', ['Transpose', 'MatMul', 'Squeeze']],
  ['p = Mul(m, e) y = ReduceSum(p, back)', 'float[N,1,5] y', ['Transpose', 'MatMul']],
])('a sum that a mask weighs is a product: %s', async (body, output, ops) => {
  expect((await rewriteEqually(sumByMask, model(body, output))).ops).toEqual(ops)
})

test.each([
  ['another axis', model('p = Mul(e, m) y = ReduceSum<keepdims = 0>(p, last)', 'float[N,4] y')],
  [
    'a mask of another length',
    model('p = Mul(e, m) y = ReduceSum<keepdims = 0>(p, one)', 'float[N,5] y', 'float[N,1,1] m'),
  ],
  [
    'weights of every number',
    model('p = Mul(e, m) y = ReduceSum<keepdims = 0>(p, one)', 'float[N,5] y', 'float[N,4,5] m'),
  ],
  [
    'numbers of 64 bits',
    model('p = Mul(e, m) y = ReduceSum<keepdims = 0>(p, one)', 'float[N,5] y').replaceAll('float', 'double'),
  ],
  [
    'rows of one number',
    model('p = Mul(e, m) y = ReduceSum<keepdims = 0>(p, one)', 'float[N,1] y').replace('[N,4,5] e', '[N,4,1] e'),
  ],
  [
    'pictures',
    model('p = Mul(e, m) y = ReduceSum<keepdims = 0>(p, one)', 'float[N,5,6] y').replace('[N,4,5] e', '[N,4,1,6] e'),
  ],
  ['rows that a mask is added to', model('p = Add(e, m) y = ReduceSum<keepdims = 0>(p, one)')],
])('left alone: %s', async (_, source) => {
  expect((await rewriteWith(sumByMask, source)).report.applied).toBe(0)
})

test('a product that is read elsewhere stays', async () => {
  const source = model('p = Mul(e, m) s = ReduceSum(p, one) t = Sub(p, s) y = ReduceMax<keepdims = 0>(t, one)')
  const { reasons } = await rewriteWith(sumByMask, source)
  expect(reasons).toEqual(['the product in front is also read elsewhere'])
})
