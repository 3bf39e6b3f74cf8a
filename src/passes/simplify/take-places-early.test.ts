import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { takePlacesEarly } from './take-places-early.ts'

const WEIGHTS = `float[8,8] w = ${randomList(64, 1)}, float[8,8] v = ${randomList(64, 2)}, float[8] b = ${randomList(8, 3)}`
const INDICES = `int64 first = {0}, int64 third = {2}, int64[1] last = {-1}, int64[1] zero = {0}, int64[1] one = {1}, int64[1] far = {9223372036854775807}`
const SHAPES = 'int64[4] heads = {0, 0, 2, 4}, int64[3] flat = {0, 5, 8}, int64[1] axes = {-1}, float root = {2}'
const model = (body: string, y = 'N,8', x = 'N,5,8') =>
  `<ir_version: 8, opset_import: ["" : 18]> g (float[${x}] x, float[N,1,1,5] mask) => (float[${y}] y) <${WEIGHTS}, ${INDICES}, ${SHAPES}> { ${body} }`

const LAYER = `
  p = MatMul(x, w) q = Reshape(p, heads) a = Transpose<perm = [0, 2, 1, 3]>(q)
  k = MatMul(x, v) l = Reshape(k, heads) c = Transpose<perm = [0, 2, 3, 1]>(l) o = Transpose<perm = [0, 2, 1, 3]>(l)
  s = MatMul(a, c) d = Div(s, root) m = Add(d, mask) e = Softmax<axis = -1>(m) h = MatMul(e, o)
  t = Transpose<perm = [0, 2, 1, 3]>(h) r = Reshape(t, flat) f = MatMul(r, w) z = Add(f, x)
  n = LayerNormalization<axis = -1>(z, b, b) g = MatMul(n, v) i = Add(g, b) j = Relu(i) u = Add(j, n) mu = ReduceMean<keepdims = 1>(u, axes) su = Sub(u, mu)`

test('a layer of which one place is read computes keys and values alone for all', async () => {
  const { after, ops } = await rewriteEqually(takePlacesEarly, model(`${LAYER} y = Gather<axis = 1>(su, first)`))
  // The layer's input is taken once, and the axis dropped at the end.
  expect(ops.filter((name) => name === 'Gather')).toHaveLength(2)
  const whole = after.graph.nodes.filter(({ inputs }) => inputs.includes('x'))
  expect(whole.map(({ opType }) => opType).sort()).toEqual(['Gather', 'MatMul'])
  expect(ops).toHaveLength(model(LAYER).match(/ = [A-Z]\w*[(<]/g)!.length + 2)
})

test('the last place, by a Gather or a Slice that keeps the axis', async () => {
  for (const end of ['y = Gather<axis = 1>(su, last)', 'y = Slice(su, last, far, one, one)'])
    for (const x of ['N,5,8', 'N,T,8']) {
      const body = x === 'N,5,8' ? LAYER : 'z = MatMul(x, w) su = Add(z, x)'
      const { ops } = await rewriteEqually(takePlacesEarly, model(`${body} ${end}`, 'N,1,8', x), { sizes: { T: 4 } })
      expect(ops).toContain('Gather')
    }
  const first = model(`z = MatMul(x, w) y = Slice(z, zero, one, one)`, 'N,1,8')
  expect((await rewriteEqually(takePlacesEarly, first)).ops).toEqual(['Gather', 'MatMul', 'Identity'])
})

test('what one operator reads along two axes is taken along each', async () => {
  const body = `z = MatMul(x, w) a = Reshape(z, heads) p = Transpose<perm = [0, 1, 2, 3]>(a)
    s = Transpose<perm = [1, 0, 2, 3]>(a) m = Add(p, s) h = MatMul(m, k4) y = Gather<axis = 1>(h, first)`
  const source = model(body, '5,2,4', '5,5,8').replace('float[8] b', `float[4,4] k4 = ${randomList(16, 4)}, float[8] b`)
  expect((await rewriteEqually(takePlacesEarly, source)).report.applied).toBe(1)
})

test.each([
  ['no product', 'z = Add(x, b) y = Gather<axis = 1>(z, first)', 'N,8', 'N,5,8'],
  [
    'another reader',
    'z = MatMul(x, w) s = ReduceSum<keepdims = 0>(z) g = Gather<axis = 1>(z, first) y = Add(g, s)',
    'N,8',
    'N,5,8',
  ],
  ['a place that need not be there', 'z = MatMul(x, w) y = Gather<axis = 1>(z, third)', 'N,8', 'N,T,8'],
  ['one place that there is', 'z = MatMul(x, w) y = Gather<axis = 1>(z, first)', 'N,8', 'N,1,8'],
  ['columns', 'z = MatMul(x, w) y = Gather<axis = 2>(z, first)', 'N,5', 'N,5,8'],
  ['two places', 'z = MatMul(x, w) y = Slice(z, zero, far, one)', 'N,5,8', 'N,5,8'],
])('left as it is: %s', async (_, body, y, x) => {
  expect((await rewriteWith(takePlacesEarly, model(body, y, x))).report.applied).toBe(0)
})

test('a softmax or a normalization over the places needs them all', async () => {
  for (const over of [
    'm = Softmax<axis = 1>(z)',
    'm = LayerNormalization<axis = 1>(z, c, c)',
    'r = ReduceMean<keepdims = 1>(z, one) m = Sub(z, r)',
  ]) {
    const body = `z = MatMul(x, w) ${over} h = MatMul(m, v) y = Gather<axis = 1>(h, first)`
    const source = model(body).replace('float[8] b', `float[5,8] c = ${randomList(40, 5)}, float[8] b`)
    const { after } = await rewriteEqually(takePlacesEarly, source)
    expect(after.graph.nodes[0]!.opType).toBe('MatMul')
  }
})
