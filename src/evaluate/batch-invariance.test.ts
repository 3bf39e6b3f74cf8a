import { expect, test } from 'vitest'
import { ortNode } from '../engine/index.ts'
import { parseModel } from '../ir/index.ts'
import { measureBatchInvariance } from './batch-invariance.ts'
import { randomFeeds } from './feeds/random-feeds.ts'

const open = (body: string) => ortNode.open(parseModel(`<ir_version: 10, opset_import: ["" : 20]> ${body}`))
const rowsOf = (session: Awaited<ReturnType<typeof open>>, count = 6) =>
  Array.from({ length: count }, (_, seed) => randomFeeds(session.inputs, { seed, rows: 1 }))

test('a float model is invariant', async () => {
  const session = await open(
    `g (float[N,3] x) => (float[N,2] y) <float[3,2] w = {1, 2, 3, 4, 5, 6}> { y = MatMul(x, w) }`,
  )
  expect(await measureBatchInvariance(session, rowsOf(session))).toEqual({ all: true, outputs: { y: true }, rows: 6 })
})

test('dynamic int8 shares one scale over the batch and is caught, output by output', async () => {
  const session = await open(`g (float[N,3] x) => (float[N,2] y, float[N,3] z) <int8[3,2] w = {1, 2, 3, 4, 5, 6}> {
    q, s, p = DynamicQuantizeLinear(x)  i = MatMulInteger(q, w, p)  f = Cast<to: int = 1>(i)  y = Mul(f, s)  z = Neg(x) }`)
  const result = await measureBatchInvariance(session, rowsOf(session))
  expect(result).toMatchObject({ all: false, outputs: { y: false, z: true } })
  expect(result.reason).toMatch(/^y: a row’s answer moved by .* % /)
})

test('rows at another axis, inputs without rows, and integer answers are understood', async () => {
  const session = await open(`g (float[N,3] x, float[2,N,3] state, int64 k) => (float[2,N,3] next, int64[N] top) {
    f = Cast<to: int = 1>(k)  s = Mul(x, f)  next = Add(state, s)  top = ArgMax<axis: int = 1, keepdims: int = 0>(x) }`)
  // The state's row axis is found by its symbol.
  expect(await measureBatchInvariance(session, rowsOf(session))).toEqual({
    all: true,
    outputs: { next: true, top: true },
    rows: 6,
  })
})

test('an output that mixes its rows has the reason', async () => {
  const session = await open(
    'g (float[N,3] x) => (float[3] m) { m = ReduceSum<keepdims: int = 0>(x, a) }'
      .replace('(x, a)', '(x, a)')
      .replace('{ m', '<int64[1] a = {0}> { m'),
  )
  const result = await measureBatchInvariance(session, rowsOf(session))
  expect(result.all).toBe(false)
  expect(result.reason).toMatch(/m: has no row axis/)
})

test('an output without rows that is the same in every run is no dependence, and hides none', async () => {
  const session =
    await open(`g (float[N,3] x) => (float[N,3] y, float[1,2] anchors, float[N,2] z) <float[1,2] k = {1, 2}, int8[3,2] w = {1, 2, 3, 4, 5, 6}> {
    y = Neg(x)  anchors = Identity(k)  q, s, p = DynamicQuantizeLinear(x)  i = MatMulInteger(q, w, p)  f = Cast<to: int = 1>(i)  z = Mul(f, s) }`)
  const reason = 'anchors: has no row axis: the same [1,2] in every run'
  const whole = await measureBatchInvariance(session, rowsOf(session))
  expect(whole).toMatchObject({ all: false, outputs: { y: true, anchors: true, z: false } })
  expect(whole.reason).toMatch(new RegExp(`^${reason.replace(/[[\]]/g, '\\$&')}; z: a row’s answer moved`))
  const without = await open(
    'g (float[N,3] x) => (float[N,3] y, float[1,2] anchors) <float[1,2] k = {1, 2}> { y = Neg(x)  anchors = Identity(k) }',
  )
  expect(await measureBatchInvariance(without, rowsOf(without))).toEqual({
    all: true,
    outputs: { y: true, anchors: true },
    reason,
    rows: 6,
  })
})

test('a fixed batch of one is invariant by construction', async () => {
  const session = await open('g (float[1,3] x) => (float[1,3] y) { y = Neg(x) }')
  expect(await measureBatchInvariance(session, [])).toEqual({
    all: true,
    outputs: { y: true },
    reason: 'the model takes one row a run: its first dimension is fixed',
  })
})

test('a branch that the sum of a batch decides is caught by neighbours of the other sign', async () => {
  const session = await open(`g (float[N,3] x) => (float[N,3] y) <float zero = {0}> {
    s = ReduceSum<keepdims: int = 0>(x)  c = Greater(s, zero)
    y = If(c) <then_branch = t () => (float[N,3] a) { a = Neg(x) }, else_branch = e () => (float[N,3] b) { b = Abs(x) }> }`)
  const rows = [1, 2, 3, 4].map((scale) => ({
    x: { dtype: 'float32' as const, dims: [1, 3], data: Float32Array.of(scale, 1, 2) },
  }))
  expect(await measureBatchInvariance(session, rows)).toMatchObject({ all: false, outputs: { y: false } })
})

test('scaled neighbours that the model does not accept are left out: codes beyond its table', async () => {
  const session = await open(`g (float[N,2] x) => (float[N,2] y) <float[5] table = {0, 1, 4, 9, 16}> {
    i = Cast<to: int = 7>(x)  y = Gather(table, i) }`)
  const rows = [1, 2, 3, 4].map((code) => ({
    x: { dtype: 'float32' as const, dims: [1, 2], data: Float32Array.of(code, 1) },
  }))
  expect(await measureBatchInvariance(session, rows)).toEqual({ all: true, outputs: { y: true }, rows: 4 })
})

test('rows of many lengths, of which no two share a batch, are seen all the same', async () => {
  const body = (
    last: string,
  ) => `g (int64[N,T] ids) => (float[N,T,2] y) <float[4,3] table = {1, 2, 3, 0.1, 0, 0.2, 9, 0, 1, 0, 0, 5},
    float[3,2] f = {1, 2, 3, 4, 5, 6}, int8[3,2] w = {1, 2, 3, 4, 5, 6}> { e = Gather(table, ids)  ${last} }`
  const rows = [
    [1, 0, 3],
    [2, 1],
    [0, 3, 1, 2],
  ].map((ids) => ({
    ids: { dtype: 'int64' as const, dims: [1, ids.length], data: BigInt64Array.from(ids, BigInt) },
  }))
  const seen = async (last: string) => measureBatchInvariance(await open(body(last)), rows)
  expect(await seen('y = MatMul(e, f)')).toEqual({ all: true, outputs: { y: true }, rows: 2 })
  // One scale for the tokens of all rows.
  const dynamic =
    'q, s, p = DynamicQuantizeLinear(e)  i = MatMulInteger(q, w, p)  g = Cast<to: int = 1>(i)  y = Mul(g, s)'
  const shifted = `r = CumSum<exclusive: int = 1>(e, one)  ${dynamic.replace('(e)', '(r)')}`
  const withAxis = (last: string) => body(last).replace('int8[3,2] w', 'int64 one = {1}, int8[3,2] w')
  expect(await measureBatchInvariance(await open(withAxis(shifted)), rows)).toMatchObject({
    all: false,
    outputs: { y: false },
  })
})
