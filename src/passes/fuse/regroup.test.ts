import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { factorGate } from './factor-gate.ts'
import { fuseMatMulAdd } from './fuse-matmul-add.ts'

const head = '<ir_version: 10, opset_import: ["" : 20]>'
const gated = (body: string, input = 'float[N,3,4,5] x') =>
  `${head} g (${input}) => (float[P,Q,R,S] y) { g = GlobalAveragePool(x) m = Mul(x, g) ${body} }`

test('the addition of a gated residual moves to the gate', async () => {
  expect((await rewriteEqually(factorGate, gated('y = Add(m, x)'))).ops).toEqual(['GlobalAveragePool', 'Add', 'Mul'])
  expect((await rewriteEqually(factorGate, gated('y = Add(x, m)'))).report.applied).toBe(1)
})

test.each([
  ['another reader', gated('a = Add(m, x) y = Add(a, m)'), ['the gated value is also read elsewhere']],
  [
    'a gate as large as the value',
    gated('h = Relu(x) k = Mul(x, h) y = Add(x, k)'),
    ['its gate is not known to be smaller than what it gates'],
  ],
  [
    'a gate that widens',
    `${head} g (float[N,1] x, float[N,4] g) => (float[N,4] y) { m = Mul(x, g) y = Add(x, m) }`,
    ['its gate is not known to be smaller than what it gates'],
  ],
  ['another residual', gated('h = Relu(x) y = Add(m, h)'), []],
])('it stays: %s', async (_, source, expected) => {
  const { report, reasons } = await rewriteWith(factorGate, source)
  expect(report.applied).toBe(0)
  expect(reasons).toEqual(expected)
})

const product = (body: string, more = '', x = 'float[N,3] x') =>
  `${head} g (${x}) => (float[P,Q] y) <float[3,4] w = ${randomList(12, 1)}, float[4] b = ${randomList(4, 2)}${more}> { ${body} }`

test('a matrix product and its bias become Gemm', async () => {
  expect((await rewriteEqually(fuseMatMulAdd, product('a = MatMul(x, w) y = Add(a, b)'))).ops).toEqual(['Gemm'])
  expect((await rewriteEqually(fuseMatMulAdd, product('a = MatMul(x, w) y = Add(b, a)'))).ops).toEqual(['Gemm'])
})

test.each([
  [
    'a batch axis',
    product('a = MatMul(x, w) c = Add(a, b) y = ReduceMax<keepdims = 0>(c, i)', ', int64[1] i = {0}', 'float[N,2,3] x'),
    [],
  ],
  [
    'one number for all columns',
    product('a = MatMul(x, w) y = Add(a, s)', ', float s = {1}'),
    ['the bias is not one number per column'],
  ],
  ['another reader', product('a = MatMul(x, w) c = Add(a, b) y = Mul(a, c)'), ['the product is also read elsewhere']],
  ['a computed bias', product('a = MatMul(x, w) c = Relu(a) y = Add(a, c)'), []],
])('MatMul and Add stay: %s', async (_, source, expected) => {
  const { report, reasons } = await rewriteWith(fuseMatMulAdd, source)
  expect(report.applied).toBe(0)
  expect(reasons).toEqual(expected)
})
