import { expect, test } from 'vitest'
import { opsOf, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { shuffleByGather } from './shuffle-by-gather.ts'

const shuffle = (
  apart: string,
  back: string,
  { perm = '0, 2, 1, 3, 4', more = 'y = Neg(s)', shape = 'N,6,4,5' } = {},
) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 18]> g (float[${shape}] x) => (float y)
    <int64[5] apart = {${apart}}, int64[4] back = {${back}}>
    { a = Reshape(x, apart) t = Transpose<perm = [${perm}]>(a) s = Reshape(t, back) ${more} }`)

test.each([
  ['-1, 2, 3, 4, 5', '-1, 6, 4, 5'],
  ['0, 3, 2, 4, 5', '0, 6, 4, 5'],
])('a shuffle of channels with sizes %s is one Gather', async (apart, back) => {
  const { after } = await rewriteEqually(shuffleByGather, shuffle(apart, back))
  expect(opsOf(after)).toEqual(['Gather', 'Neg'])
})

/** The same with other operators in the places of the first Reshape and of the last. */
const spelled = (first: string, last: string) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 18]> g (float[1,6,4,5] x) => (float y)
    <int64[5] apart = {1, 2, 3, 4, 5}, int64[5] pixels = {1, 6, 1, 4, 5}, int64[5] more = {7, 1, 6, 4, 5},
     int64[4] back = {-1, 6, 4, 5}, int64[5] wide = {1, 6, 4, 5, 1}, int64[1] one = {1}>
    { a = ${first} t = Transpose<perm = [0, 2, 1, 3, 4]>(a) s = ${last} y = Neg(s) }`)

/** The last Reshape reads the shuffled value as its shape, not as what it shapes. */
const computedShape =
  parseModel(`<ir_version: 8, opset_import: ["" : 18]> g (int64[1,4,1,1] x, float[1,4,1,1] d) => (float y)
  <int64[5] apart = {1, 2, 2, 1, 1}> {
    a = Reshape(x, apart) t = Transpose<perm = [0, 2, 1, 3, 4]>(a) y = Reshape(d, t) }`)

test.each([
  ['channels that do not come back together', shuffle('-1, 2, 3, 4, 5', '-1, 12, 2, 5')],
  ['channels that take rows along', shuffle('1, 2, 2, 6, 5', '1, 4, 6, 5', { shape: '1,6,4,5' })],
  ['channels that give rows away and get them back', shuffle('1, 2, 2, 6, 5', '1, 6, 4, 5', { shape: '1,6,4,5' })],
  ['pictures with an axis more behind', spelled('Reshape(x, apart)', 'Reshape(t, wide)')],
  ['pictures that are repeated, not taken apart', spelled('Expand(x, more)', 'Reshape(t, back)')],
  ['pictures that are squared behind', spelled('Reshape(x, pixels)', 'ReduceSumSquare<keepdims = 0>(t, one)')],
  ['another order', shuffle('-1, 2, 3, 4, 5', '-1, 6, 4, 5', { perm: '0, 2, 1, 4, 3' })],
  ['pictures of two unknown sizes', shuffle('-1, 2, 3, 4, 5', '-1, 6, 4, 5', { shape: 'N,6,H,W' })],
  [
    'a value in front that is read elsewhere',
    shuffle('-1, 2, 3, 4, 5', '-1, 6, 4, 5', { more: 'u = ReduceSum(a) y = Add(s, u)' }),
  ],
  ['a shape that is computed of the shuffled value', computedShape],
  [
    'an inner value that is read elsewhere',
    shuffle('-1, 2, 3, 4, 5', '-1, 6, 4, 5', { more: 'u = ReduceSum(t) y = Add(s, u)' }),
  ],
])('%s stay as they are', async (_, model) => {
  expect((await rewriteWith(shuffleByGather, model)).report.applied).toBe(0)
})
