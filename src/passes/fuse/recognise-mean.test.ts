import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { recogniseMean } from './recognise-mean.ts'

const model = (body: string, { x = 'N,3,4', dtype = 'float', more = '', opset = 18 } = {}) =>
  `<ir_version: 8, opset_import: ["" : ${opset}]> g (${dtype}[${x}] x) => (${dtype} y)
  <int64[1] last = {-1}, int64[2] two = {1, 2}, ${dtype} quarter = {0.25}, ${dtype}[1] four = {4}, ${dtype} twelve = {12}${more}> { ${body} }`

test.each([
  ['a product', 's = ReduceSum(x, last) y = Mul(quarter, s)', ['ReduceMean']],
  ['a division, without the axis', 's = ReduceSum<keepdims = 0>(x, last) y = Div(s, four)', ['ReduceMean']],
  ['two axes', 's = ReduceSum(x, two) y = Div(s, twelve)', ['ReduceMean']],
])('a mean as %s', async (_, body, operators) => {
  expect((await rewriteEqually(recogniseMean, model(body))).ops).toEqual(operators)
})

test.each([13, 17, 18])('axes stand where operator set %i has them', async (opset) => {
  const body = 's = ReduceSum<noop_with_empty_axes = 0>(x, last) y = Div(s, four)'
  const { after } = await rewriteEqually(recogniseMean, model(body, { opset }))
  expect(after.graph.nodes[0]!.attributes.has('axes')).toBe(opset < 18)
})

test.each([
  ['another number', model('s = ReduceSum(x, last) y = Div(s, twelve)'), []],
  ['the number divided by the sum', model('s = ReduceSum(x, last) y = Div(four, s)'), []],
  ['an open length', model('s = ReduceSum(x, last) y = Div(s, four)', { x: 'N,3,L' }), []],
  ['no axes named', model('s = ReduceSum(x) y = Div(s, twelve)', { x: '3,4' }), []],
  ['whole numbers', model('s = ReduceSum(x, last) y = Div(s, four)', { dtype: 'int64' }).replace('0.25', '0'), []],
  [
    'a sum that is read elsewhere',
    model('s = ReduceSum(x, last) m = Div(s, four) y = Add(m, s)'),
    ['the sum is also read elsewhere'],
  ],
  [
    'a number of more axes',
    model('s = ReduceSum(x, last) y = Div(s, wide)', { more: ', float[1,1,1,1] wide = {4}' }),
    ['the number has more axes than the sum'],
  ],
])('no mean: %s', async (_, source, reasons) => {
  const found = await rewriteWith(recogniseMean, source)
  expect(found.report.applied).toBe(0)
  expect(found.reasons).toEqual(reasons)
})
