import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { moveRowsAtOnce } from './move-rows-at-once.ts'

const CONSTANTS = `int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] all = {1000}, int64[1] three = {3}, int64[6] cut = {-1, 2, 2, 2, 2, 16},
  int64[3] windows = {-1, 4, 16}, int64[4] back = {-1, 4, 4, 16}, float[1,1,4,16] row = {${Array(64).fill('0.5').join(', ')}}`
const model = (body: string, input = 'float[1,4,4,16] x', output = 'float[P,Q,R] y') =>
  `<ir_version: 8, opset_import: ["" : 20]> g (${input}) => (${output}) <${CONSTANTS}> { h = Sin(x) ${body} }`
/** torch.roll by one along two axes. */
const roll = (from: string, to: string) =>
  `${to}a = Slice(${from}, one, all, one) ${to}b = Slice(${from}, zero, one, one) ${to}c = Concat<axis = 1>(${to}a, ${to}b)
   ${to}d = Slice(${to}c, one, all, two) ${to}e = Slice(${to}c, zero, one, two) ${to} = Concat<axis = 2>(${to}d, ${to}e)`
const CUT = 'r = Reshape(s, cut) t = Transpose<perm = [0, 1, 3, 2, 4, 5]>(r) w = Reshape(t, windows) y = Cos(w)'

test.each([
  ['a picture of known sizes', 'float[1,4,4,16] x'],
  ['a free batch', 'float[N,4,4,16] x'],
])('%s is shifted and cut into windows in one copy', async (_, input) => {
  const { ops } = await rewriteEqually(moveRowsAtOnce, model(`${roll('h', 's')} ${CUT}`, input), { sizes: { N: 3 } })
  expect(ops).toEqual(['Sin', 'Reshape', 'Gather', 'Reshape', 'Cos'])
})

test('a value that is read before and behind the movement, and one that is moved twice', async () => {
  const body = `${roll('h', 's')} m = Mul(s, h) ${roll('m', 'n')} y = Cos(n)`
  const { ops } = await rewriteEqually(moveRowsAtOnce, model(body, undefined, 'float[P,Q,R,S] y'))
  expect(ops.filter((op) => op === 'Gather')).toHaveLength(2)
  expect(ops).not.toContain('Concat')
})

test('at an inner value that something else reads, one copy ends and another begins', async () => {
  const body = `${roll('h', 's')} k = ReduceSum(sc, two) u = Add(s, k) y = Cos(u)`
  const { ops } = await rewriteEqually(moveRowsAtOnce, model(body, undefined, 'float[P,Q,R,S] y'))
  const copy = ['Reshape', 'Gather', 'Reshape']
  expect(ops.toSorted()).toEqual([...copy, ...copy, 'Add', 'Cos', 'ReduceSum', 'Sin'].toSorted())
})

test('every second pixel of each kind side by side', async () => {
  const step = (from: string, to: string, start: string, axis: string) =>
    `${to} = Slice(${from}, ${start}, all, ${axis}, two)`
  const body = `${step('h', 'a', 'zero', 'one')} ${step('h', 'b', 'one', 'one')} ${step('a', 'c', 'zero', 'two')}
    ${step('a', 'd', 'one', 'two')} ${step('b', 'e', 'zero', 'two')} s = Concat<axis = -1>(c, e, d) y = Cos(s)`
  const { ops } = await rewriteEqually(moveRowsAtOnce, model(body, undefined, 'float[P,Q,R,S] y'))
  expect(ops).toEqual(['Sin', 'Reshape', 'Gather', 'Reshape', 'Cos'])
})

test.each([
  [
    'a second source',
    'a = Slice(h, one, all, one) s = Concat<axis = 1>(a, row) t = Transpose<perm = [0, 2, 1, 3]>(s) y = Cos(t)',
  ],
  ['one copy', 'r = Reshape(h, cut) t = Transpose<perm = [0, 1, 3, 2, 4, 5]>(r) y = Reshape(t, windows)'],
  ['single elements', 'a = Transpose<perm = [0, 3, 1, 2]>(h) b = Slice(a, one, all, one) y = Cos(b)'],
])('movements stay: %s', async (_, body) => {
  const { report } = await rewriteWith(moveRowsAtOnce, model(body, undefined, 'float[P,Q,R,S] y'))
  expect(report.applied).toBe(0)
})

test.each([
  'a = Slice(h, one, all, zero) b = Slice(h, zero, one, zero) s = Concat<axis = 0>(a, b) y = Cos(s)',
  'a = Transpose<perm = [1, 0, 2, 3]>(h) s = Slice(a, one, all, zero) y = Cos(s)',
])('rows of a free batch that are not moved alike stay: %s', async (body) => {
  const { report } = await rewriteWith(moveRowsAtOnce, model(body, 'float[N,4,4,16] x', 'float[P,Q,R,S] y'))
  expect(report.applied).toBe(0)
})

test.each(['Slice(h, zero, three, zero)', 'Slice(h, zero, three)'])('%s cuts rows off a free batch', async (slice) => {
  const source = model(`g = ${slice} ${roll('g', 's')} y = Cos(s)`, 'float[N,4,4,16] x', 'float[P,Q,R,S] y')
  const { ops } = await rewriteEqually(moveRowsAtOnce, source, { sizes: { N: 5 } })
  expect(ops).toEqual(['Sin', 'Slice', 'Reshape', 'Gather', 'Reshape', 'Cos'])
})

test('moves that undo each other around an axis of one are other sizes alone', async () => {
  const body = `t = Transpose<perm = [0, 2, 3, 1]>(h) r = Reshape(t, lines) u = Transpose<perm = [0, 2, 1]>(r) y = Cos(u)`
  const source = model(body, 'float[N,6,1,20] x').replace(
    'int64[1] zero',
    'int64[3] lines = {-1, 20, 6}, int64[1] zero',
  )
  const { ops } = await rewriteEqually(moveRowsAtOnce, source, { sizes: { N: 3 } })
  expect(ops).toEqual(['Sin', 'Reshape', 'Cos'])
})
