import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { cancelReshapes } from './cancel-reshapes.ts'

const model = (body: string, { x = '2,3,1', outputs = 'float y' } = {}) =>
  `<ir_version: 8, opset_import: ["" : 18]> g (float[${x}] x, float[2,3,4] z, float[N,T,4] o) => (${outputs})
  <int64[1] last = {-1}, int64[2] flat = {2, 3}, int64[2] turned = {3, 2}, int64[3] whole = {2, 3, 1}, float two = {2},
  float[1,1,1] deep = {2}, float[3] row = {1, 2, 3}> { ${body} }`

test.each([
  [
    'moved axes of one element',
    't = Transpose<perm = [2, 0, 1]>(x) a = Relu(t) y = Transpose<perm = [1, 2, 0]>(a)',
    ['Relu'],
  ],
  ['one operator', 'r = Reshape(x, flat) a = Mul(r, two) y = Reshape(a, whole)', ['Mul']],
  ['a chain', 'r = Squeeze(x, last) a = Relu(r) b = Sub(two, a) y = Unsqueeze(b, last)', ['Relu', 'Sub']],
  [
    'two that meet, one of them twice',
    'p = ReduceMax(z, last) r = Reshape(x, flat) q = Reshape(p, flat) s = Mul(r, r) a = Sub(q, s) y = Reshape(a, whole)',
    ['ReduceMax', 'Mul', 'Sub'],
  ],
  [
    'a reduction that takes its axis away',
    's = ReduceSum<keepdims = 0>(z, last) y = Unsqueeze(s, last)',
    ['ReduceSum'],
  ],
  [
    'the same where sizes are open',
    's = ReduceMean<keepdims = 0>(o, last) a = Sqrt(s) y = Unsqueeze(a, last)',
    ['ReduceMean', 'Sqrt'],
  ],
])('%s', async (_, body, operators) => {
  expect((await rewriteEqually(cancelReshapes, model(body), { scale: 1 })).ops).toEqual(operators)
})

test('a way back that branches off goes straight as well, under a name of its own', async () => {
  const body = `r = Reshape(x, flat) m = Mul(r, two) b = Reshape(m, whole) q = Mul(m, m) a = Add(q, two) c = Reshape(a, whole)
    y = Sub(b, c)`
  const { graph } = parseModel(model(body))
  const named = {
    ...parseModel(model(body)),
    graph: { ...graph, nodes: graph.nodes.map((n, i) => ({ ...n, name: `n${i}` })) },
  }
  const { ops, after } = await rewriteEqually(cancelReshapes, named)
  expect(ops).toEqual(['Mul', 'Mul', 'Mul', 'Add', 'Sub'])
  expect(new Set(after.graph.nodes.map(({ name }) => name)).size).toBe(5)
})

test.each([
  ['other operators', 'r = Reshape(x, flat) a = CumSum(r, last) y = Reshape(a, whole)', []],
  ['a vector', 'r = Reshape(x, flat) a = Mul(r, row) y = Reshape(a, whole)', []],
  ['a number of more axes', 'r = Reshape(x, flat) a = Mul(r, deep) y = Reshape(a, whole)', []],
  [
    'longer axes that move',
    't = Transpose<perm = [1, 0, 2]>(x) a = Relu(t) b = Mul(a, a) y = Transpose<perm = [1, 0, 2]>(b)',
    [],
  ],
  ['another shape before', 'r = Reshape(x, turned) a = Relu(r) y = Unsqueeze(a, last)', []],
  [
    'another reader',
    'r = Reshape(x, flat) a = Mul(r, two) b = Reshape(a, whole) c = ReduceSum(a, last) y = Sub(b, c)',
    ['inner value a is also read by ReduceSum'],
  ],
])('left as it is: %s', async (_, body, reasons) => {
  const found = await rewriteWith(cancelReshapes, model(body))
  expect(found.report.applied).toBe(0)
  expect(found.reasons).toEqual(reasons)
})

test('an inner value that is an output, and sizes that are not known, are left', async () => {
  const body = 'r = Reshape(x, flat) a = Mul(r, two) y = Reshape(a, whole)'
  const output = await rewriteWith(cancelReshapes, model(body, { outputs: 'float y, float[2,3] a' }))
  expect(output.reasons).toEqual(['inner value a is a graph output'])
  expect((await rewriteWith(cancelReshapes, model(body, { x: 'N,3,1' }))).report.applied).toBe(0)
})
