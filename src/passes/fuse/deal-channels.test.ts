import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { dealChannels } from './deal-channels.ts'

const model = (body: string, { rows = '-1, 2, 20', parts = '2, -1, 3, 4, 5', shape = 'N,6,4,5', opset = 18 } = {}) =>
  parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]> g (float[${shape}] x) => (float y, float z)
    <int64[3] rows = {${rows}}, int64[5] parts = {${parts}}, int64 zero = {0}, int64 one = {1}, int64 last = {-1},
     int64[1] from = {0}, int64[1] next = {1}, int64[1] end = {9223372036854775807}, int64[1] five = {5},
     int64[1] four = {4}, int64[1] axis = {1}, int64[1] two = {2}> { ${body} }`)

const MOVED = 'a = Reshape(x, rows) t = Transpose<perm = [1, 0, 2]>(a) u = Reshape(t, parts)'
const TAKEN = 'p = Gather(u, zero) q = Gather(u, one)'
const READ = 'y = Relu(p) z = Neg(q)'
const STEPS = 'p = Slice(x, from, end, axis, two) q = Slice(x, next, end, axis, two)'

test.each([
  ['rows, by Gathers', `${MOVED} ${TAKEN} ${READ}`, {}],
  ['rows of a batch that is known', `${MOVED} ${TAKEN} ${READ}`, { shape: '2,6,4,5', rows: '6, 2, 20' }],
  ['rows, the last first', `${MOVED} q = Gather(u, last) p = Gather(u, zero) ${READ}`, {}],
  ['steps', `${STEPS} ${READ}`, {}],
  ['steps to the last of each', `p = Slice(x, from, five, axis, two) q = Slice(x, next, end, axis, two) ${READ}`, {}],
])('channels dealt out by %s come from one Gather', async (_, body, sizes) => {
  const { ops } = await rewriteEqually(dealChannels, model(body, sizes))
  expect(ops).toEqual(['Gather', 'Split', 'Relu', 'Neg'])
})

test.each([
  ['a part is missing', `${MOVED} p = Gather(u, zero) y = Relu(p) z = Neg(p)`, {}],
  ['all parts are read at once', `${MOVED} p = Gather(u, zero) y = Relu(p) z = Neg(u)`, {}],
  ['an inner value is read elsewhere', `${MOVED} ${TAKEN} y = Relu(p) m = ReduceSum(t) z = Mul(q, m)`, {}],
  [
    'rows hold more than a channel',
    `${MOVED} ${TAKEN} ${READ}`,
    { rows: '-1, 2, 40', parts: '2, -1, 3, 4, 5', shape: '2,6,4,5' },
  ],
  ['parts are of other shapes', `${MOVED} ${TAKEN} ${READ}`, { parts: '2, -1, 3, 5, 4' }],
  ['pairs do not divide the channels', `${MOVED} ${TAKEN} ${READ}`, { shape: '2,3,4,5', parts: '2, -1, 3, 4, 5' }],
  ['steps leave channels out', `p = Slice(x, from, four, axis, two) q = Slice(x, next, end, axis, two) ${READ}`, {}],
  ['one step is missing', `p = Slice(x, next, end, axis, two) q = Relu(p) ${READ}`, {}],
  ['rows are dealt out', `p = Slice(x, from, end, two, two) q = Slice(x, next, end, two, two) ${READ}`, {}],
  ['Split has no sizes as input', `${STEPS} ${READ}`, { opset: 12 }],
])('left alone where %s', async (_, body, sizes) => {
  expect((await rewriteWith(dealChannels, model(body, sizes))).report.applied).toBe(0)
})
