import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { affineBeforeReshape } from './affine-before-reshape.ts'

const SIZES = { sizes: { N: 2, T: 3 } }
const model = (body: string, constant = 'float[2,3] c', also = '') => {
  const count = [...(constant.match(/\d+/g) ?? [])].reduce((size, dim) => size * Number(dim), 1)
  return `<ir_version: 8, opset_import: ["" : 17]> g (float[N,T,4] x) => (float y${also}) <
    float[4,6] w = ${randomList(24, 1)}, float[6] b = ${randomList(6, 2)}, ${constant} = ${randomList(count, 3)},
    int64[4] heads = {0, 0, 2, 3}
  > { p = MatMul(x, w) ${body} }`
}

test.each([
  ['Add', 'float[2,3] c'],
  ['Add', 'float[1,1,2,3] c'],
  ['Mul', 'float[2,1] c'],
  ['Div', 'float[3] c'],
  ['Sub', 'float c'],
  ['Mul', 'float[1,1,1,1] c'],
] as const)('%s by %s goes in front of the heads', async (operator, constant) => {
  const { ops } = await rewriteEqually(
    affineBeforeReshape,
    model(`h = Reshape(p, heads) y = ${operator}(h, c)`, constant),
    SIZES,
  )
  expect(ops).toEqual(['MatMul', operator, 'Reshape'])
})

test('it goes in front as the side that it is, and behind the bias', async () => {
  const source = model('q = Add(p, b) h = Reshape(q, heads) y = Sub(c, h)')
  expect((await rewriteEqually(affineBeforeReshape, source, SIZES)).ops).toEqual(['MatMul', 'Add', 'Sub', 'Reshape'])
})

test('one number passes a transpose as well', async () => {
  const source = model(
    'q = Add(b, p) h = Reshape(q, heads) t = Transpose<perm = [0,2,1,3]>(h) y = Mul(t, c)',
    'float c',
  )
  const { ops } = await rewriteEqually(affineBeforeReshape, source, SIZES)
  expect(ops).toEqual(['MatMul', 'Add', 'Mul', 'Reshape', 'Transpose'])
})

test.each([
  [
    'an axis that is no column',
    'h = Reshape(p, heads) y = Add(h, c)',
    'float[3,2,3] c',
    '',
    'not cut from the columns',
  ],
  [
    'another turn',
    'h = Reshape(p, heads) t = Transpose<perm = [0,1,3,2]>(h) y = Add(t, c)',
    'float[3,2] c',
    '',
    'not cut from the columns',
  ],
  ['read elsewhere', 'h = Reshape(p, heads) y = Add(h, c) z = Relu(h)', 'float[2,3] c', ', float z', 'read elsewhere'],
  [
    'the product read elsewhere',
    'h = Reshape(p, heads) y = Add(h, c) z = Relu(p)',
    'float[2,3] c',
    ', float z',
    'read elsewhere',
  ],
  ['an output', 'h = Reshape(p, heads) y = Add(h, c)', 'float[2,3] c', ', float h', 'read elsewhere'],
])('refused: %s', async (_, body, constant, also, reason) => {
  const { report, reasons } = await rewriteWith(affineBeforeReshape, model(body, constant, also))
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})

test.each([
  ['a constant with more axes', 'h = Reshape(p, heads) y = Add(h, c)', 'float[1,1,1,2,3] c'],
  ['a number over the heads', 'h = Reshape(p, heads) y = Div(c, h)', 'float[2,3] c'],
  ['no product', 'r = Relu(p) h = Reshape(r, heads) y = Add(h, c)', 'float[2,3] c'],
])('left: %s', async (_, body, constant) => {
  expect((await rewriteWith(affineBeforeReshape, model(body, constant))).report.applied).toBe(0)
})
