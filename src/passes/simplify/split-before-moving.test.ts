import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { splitBeforeMoving } from './split-before-moving.ts'

const CONSTANTS = `int64 i = {0}, int64 j = {1}, int64 k = {-1}, int64[1] front = {0}, int64[1] third = {3}, int64[3] ones = {1, 1, 1},
  int64[5] heads = {0, 5, 3, 2, 4}, int64[4] whole = {0, 5, 3, 8}, int64[3] pairs = {0, 5, 24}, float half = {0.5}, float[24] w = ${randomList(24, 1)}`
const model = (body: string, input = 'float[N,5,24] x', opset = 20) =>
  `<ir_version: 8, opset_import: ["" : ${opset}]> g (${input}) => (float[P,Q,R,S] y) <${CONSTANTS}> { h = Mul(x, w) ${body} }`

const JOINT = 'r = Reshape(h, heads) t = Transpose<perm = [2, 0, 3, 1, 4]>(r)'
const ATTEND = 'kt = Transpose<perm = [0, 1, 3, 2]>(b) s = MatMul(a, kt) y = MatMul(s, c)'

test('queries, keys and values are told apart while they lie side by side', async () => {
  const body = `${JOINT} a = Gather<axis = 0>(t, i) b = Gather<axis = 0>(t, j) c = Gather<axis = 0>(t, k) ${ATTEND}`
  const { ops } = await rewriteEqually(splitBeforeMoving, model(body), { sizes: { N: 2 } })
  const part = ['Reshape', 'Transpose']
  expect(ops).toEqual(['Mul', 'Split', ...part, ...part, ...part, 'Transpose', 'MatMul', 'MatMul'])
})

test('a Split into single slices does as well, and its slices keep their axis', async () => {
  const body = `${JOINT} p, q, u = Split<axis = 0>(t, ones) a = Squeeze(p, front) b = Squeeze(q, front) c = Squeeze(u, front) ${ATTEND}`
  const { ops } = await rewriteEqually(splitBeforeMoving, model(body), { sizes: { N: 2 } })
  expect(ops.filter((op) => op === 'Unsqueeze')).toHaveLength(3)
  expect(ops.indexOf('Split')).toBe(1)
})

test('where axes of size 1 alone are moved, parts are at most reshaped', async () => {
  const body = `r = Reshape(h, whole) u = Unsqueeze(r, front) t = Transpose<perm = [3, 1, 2, 0, 4]>(u) s = Squeeze(t, third)
    a = Gather<axis = 0>(s, i) b = Gather<axis = 0>(s, k) m = Mul(a, b) y = Unsqueeze(m, front)`
  const { ops } = await rewriteEqually(splitBeforeMoving, model(body), { sizes: { N: 2 } })
  expect(ops).toEqual(['Mul', 'Split', 'Identity', 'Identity', 'Mul', 'Unsqueeze'])
})

test.each([
  [
    'another reader',
    `${JOINT} a = Gather<axis = 0>(t, i) b = Gather<axis = 0>(t, j) m = ReduceSum<keepdims = 0>(t, front) n = Add(a, b) y = Add(n, m)`,
  ],
  ['one slice alone', `${JOINT} y = Gather<axis = 0>(t, i)`],
  ['slices along another axis', `${JOINT} a = Gather<axis = 1>(t, i) b = Gather<axis = 1>(t, j) y = Add(a, b)`],
  ['a list of slices', `${JOINT} a = Gather<axis = 0>(t, i) b = Gather<axis = 0>(t, front) y = Add(a, b)`],
])('movements stay: %s', async (_, body) => {
  expect((await rewriteWith(splitBeforeMoving, model(body))).report.applied).toBe(0)
})

test('an old opset is refused', async () => {
  const body = `${JOINT} a = Gather<axis = 0>(t, i) b = Gather<axis = 0>(t, j) y = Add(a, b)`
  expect((await rewriteWith(splitBeforeMoving, model(body, 'float[N,5,24] x', 12))).reasons.join()).toMatch(/opset 12/)
})
