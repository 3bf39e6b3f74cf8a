import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { recogniseNearestResize } from './recognise-nearest-resize.ts'

const APART = 'Reshape(x, apart)'
const EXPAND = 'Expand(a, wide)'

const grown = ({
  first = APART,
  middle = EXPAND,
  apart = '-1, 3, 4, 1, 5, 1',
  wide = '1, 3, 4, 2, 5, 3',
  back = '-1, 3, 8, 15',
  shape = 'N,3,4,5',
  more = 'y = Neg(s)',
  type = 'float',
  opset = 18,
}) =>
  parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]> g (${type}[${shape}] x) => (${type} y)
    <int64[6] apart = {${apart}}, int64[6] wide = {${wide}}, int64[4] back = {${back}}, int64[2] axes = {3, 5}>
    { a = ${first} b = ${middle} s = Reshape(b, back) ${more} }`)

test.each([
  ['Expand', {}],
  ['Expand of ones where nothing is repeated', { wide: '1, 1, 1, 2, 1, 3' }],
  ['Expand to the batch that is there', { shape: '2,3,4,5', wide: '2, 3, 4, 2, 5, 3' }],
  ['Tile', { middle: 'Tile(a, wide)', wide: '1, 1, 1, 2, 1, 3' }],
  ['Unsqueeze', { first: 'Unsqueeze(x, axes)' }],
])('pixels repeated by %s are one Resize', async (_, spelling) => {
  const { ops } = await rewriteEqually(recogniseNearestResize, grown(spelling))
  expect(ops).toEqual(['Resize', 'Neg'])
})

test.each([
  [
    'channels that are repeated, too',
    grown({ middle: 'Tile(a, wide)', wide: '1, 2, 1, 2, 1, 3', back: '-1, 6, 8, 15' }),
  ],
  ['a batch that is repeated', grown({ shape: '1,3,4,5', wide: '2, 3, 4, 2, 5, 3' })],
  ['rows that are repeated as a whole', grown({ apart: '-1, 3, 1, 4, 5, 1', wide: '1, 3, 2, 4, 5, 3' })],
  ['repeats that come back as channels', grown({ back: '-1, 6, 4, 15' })],
  ['a picture of unknown sizes', grown({ shape: 'N,3,H,W' })],
  ['doubles', grown({ type: 'double' })],
  ['an operator set whose Resize wants a region', grown({ opset: 11 })],
  ['a value in front that is read elsewhere', grown({ more: 'u = ReduceSum(a) y = Add(s, u)' })],
  ['an inner value that is read elsewhere', grown({ more: 'u = ReduceSum(b) y = Add(s, u)' })],
])('%s stay as they are', async (_, model) => {
  expect((await rewriteWith(recogniseNearestResize, model)).report.applied).toBe(0)
})

const taken = ({
  rows = '0, 0, 1, 1, 2, 2, 3, 3',
  columns = '0, 0, 0, 1, 1, 1',
  first = 'Gather<axis = 2>(x, rows)',
  last = 'Gather<axis = -1>(a, columns)',
  shape = 'N,3,4,2',
  more = 'y = Neg(s)',
  type = 'float',
  opset = 18,
}) =>
  parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]> g (${type}[${shape}] x) => (${type} y)
    <int64[${rows.split(',').length}] rows = {${rows}}, int64[${columns.split(',').length}] columns = {${columns}}>
    { a = ${first} s = ${last} ${more} }`)

test.each([
  ['rows and columns', {}],
  ['columns and rows', { first: 'Gather<axis = 3>(x, columns)', last: 'Gather<axis = 2>(a, rows)' }],
])('%s that are taken several times are one Resize', async (_, spelling) => {
  const { ops } = await rewriteEqually(recogniseNearestResize, taken(spelling))
  expect(ops).toEqual(['Resize', 'Neg'])
})

test.each([
  ['rows in another order', { rows: '0, 1, 2, 3, 0, 1, 2, 3' }],
  ['columns that are no multiple', { columns: '0, 0, 1' }],
  ['rows of which the last are missing', { rows: '0, 0, 1, 1' }],
  ['channels', { first: 'Gather<axis = 1>(x, columns)', shape: 'N,2,2,2', rows: '0, 0' }],
  ['rows, and rows again', { last: 'Gather<axis = 2>(a, rows)', rows: '0, 0, 1, 1', shape: 'N,3,2,2' }],
  ['a picture of unknown height', { shape: 'N,3,H,2' }],
  ['doubles', { type: 'double' }],
  ['an operator set whose Resize wants a region', { opset: 11 }],
  ['rows that are read elsewhere', { more: 'u = ReduceSum(a) y = Add(s, u)' }],
])('%s stay as they are taken', async (_, spelling) => {
  expect((await rewriteWith(recogniseNearestResize, taken(spelling))).report.applied).toBe(0)
})
