import { expect, test } from 'vitest'
import { parseModel } from '../index.ts'
import { settledSizes } from './settled-sizes.ts'

const settled = (graph: string) => settledSizes(parseModel(`<ir_version: 8, opset_import: ["" : 17]> g ${graph}`))

test.each([
  ['a product', '(float[n,d] x) => (float[n,2] y) <float[3,2] w = {1,2,3,4,5,6}> { r = Relu(x)  y = MatMul(r, w) }', 3],
  [
    'turned weights',
    '(float[n,d] x) => (float[n,3] y) <float[3,2] w = {1,2,3,4,5,6}> { y = Gemm<transB = 1>(x, w) }',
    2,
  ],
  [
    'filters in groups',
    '(float[n,d,t] x) => (float[n,2,u] y) <float[2,3,1] w = {1,2,3,4,5,6}> { y = Conv<group = 2>(x, w) }',
    6,
  ],
  ['a norm', '(float[n,d] x) => (float[n,d] y) <float[2] s = {1,2}> { y = LayerNormalization(x, s) }', 2],
  ['a vector', '(float[n,d] x) => (float[n,d] y) <float[2] s = {1,2}> { y = Mul(s, x) }', 2],
])('the size behind %s', (_, graph, size) => {
  expect(settled(graph)).toEqual({ d: size })
})

test('a dimension without a symbol is named by its input and axis; rows and single factors settle nothing', () => {
  const weights = 'float[3,2] w = {1,2,3,4,5,6}, float[1] one = {2}'
  expect(
    settled(`(float[?,?] x, float[m,k] z) => (float[?,2] y, float[m,k] v) <${weights}>
      { y = MatMul(x, w)  v = Mul(z, one) }`),
  ).toEqual({ 'x.1': 3 })
})

test('a symbol that reads like arithmetic is a name like any other', () => {
  expect(settled('(float[n,"2*k"] x) => (float[n,1] y) <float[4,1] w = {1,2,3,4}> { y = MatMul(x, w) }')).toEqual({
    '2*k': 4,
  })
})
