import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { intsAttribute, type Node } from '../../ir/index.ts'
import { computeKeptPlaces } from './compute-kept-places.ts'

const WEIGHTS = ['w', 'v', 'u', 't'].map((name, i) => `float[32,32,3] ${name} = ${randomList(32 * 32 * 3, i + 1)}`)
const INDICES = `int64 last = {-1}, int64[1] listed = {-1}, int64[1] far = {9223372036854775807}, int64[1] one = {1},
  int64[1] two = {2}, int64[1] zero = {0}, int64[1] nine = {9}, int64[1] ninety = {90}, int64[1] end = {120}, int64[1] three = {3}, int64[1] thirty = {30}`
const model = (body: string, x = 'N,32,128', more = '') =>
  `<ir_version: 8, opset_import: ["" : 18]> g (float[${x}] x) => (float y) <${WEIGHTS.join(', ')}, ${INDICES}${more}> { ${body} }`

/** Two blocks, each of two causal convolutions, the second with taps twice as far apart, and the sum with its input. */
const BLOCKS = `
  a = Conv<pads = [8, 0], dilations = [4]>(x, w) b = Relu(a) c = Conv<pads = [8, 0], dilations = [4]>(b, v) d = Relu(c) e = Add(d, x) f = Relu(e)
  g = Conv<pads = [16, 0], dilations = [8]>(f, u) h = Relu(g) i = Conv<pads = [16, 0], dilations = [8]>(h, t) j = Relu(i) k = Add(j, f) l = Relu(k)`

const attribute = (node: Node | undefined, name: string) => intsAttribute(node!, name, null)

test('of a temporal network each layer computes what the last step looks back at', async () => {
  for (const end of [
    'y = Gather<axis = 2>(l, last)',
    'y = Gather<axis = 2>(l, listed)',
    'y = Slice(l, listed, far, two)',
  ]) {
    const { after, ops } = await rewriteEqually(computeKeptPlaces, model(`${BLOCKS} ${end}`))
    const convs = after.graph.nodes.filter(({ opType }) => opType === 'Conv')
    // Taps stand side by side, over places that lie as far apart as they did; the last convolution has one window left.
    expect(convs.map((node) => attribute(node, 'dilations'))).toEqual([[1], [1], [1], [1]])
    expect(convs.map((node) => attribute(node, 'strides'))).toEqual([[1], [2], [1], [1]])
    expect(convs.map((node) => attribute(node, 'pads'))).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ])
    // The input for the convolution and for the sum, and what the second sum reads of what the first one made.
    expect(ops.filter((op) => op === 'Slice')).toHaveLength(3)
  }
})

test('padding that is looked back at, strides, pictures, gates and joints', async () => {
  const early = 'a = Conv<pads = [8, 8], dilations = [4]>(x, w) b = Tanh(a) c = Conv<pads = [1, 1]>(b, v)'
  for (const body of [
    `${early} y = Slice(c, zero, nine, two)`,
    `${early} y = Slice(c, end, far, two)`,
    `${early} y = Slice(c, nine, ninety, two, thirty)`,
    `a = Conv<pads = [3, 3], strides = [2], dilations = [3]>(x, w) y = Gather<axis = 2>(a, last)`,
    `a = Conv<pads = [3, 3], strides = [3]>(x, w) b = Conv<pads = [2, 0], dilations = [2]>(a, v) y = Gather<axis = 2>(b, last)`,
    `a = Conv<pads = [2, 0]>(x, w) s = Sigmoid(a) t0 = Tanh(a) m = Mul(s, t0) j = Concat<axis = 1>(m, s) y = Gather<axis = 2>(j, last)`,
  ]) {
    const { report, after, before } = await rewriteEqually(computeKeptPlaces, model(body, '8,32,128'))
    expect(report.applied, body).toBe(1)
    expect(after.graph.nodes.length).toBeLessThanOrEqual(before.graph.nodes.length + 3)
  }
  const square = `, float[8,32,3,5] q = ${randomList(8 * 32 * 15, 9)}`
  const picture = 'a = Conv<pads = [1, 2, 1, 2]>(x, q) y = Slice(a, listed, far, three)'
  expect((await rewriteEqually(computeKeptPlaces, model(picture, 'N,32,4,64', square))).report.applied).toBe(1)
})

test.each([
  [
    'another reader',
    `${BLOCKS} m = ReduceMax<keepdims = 0>(l) g0 = Gather<axis = 2>(l, last) y = Add(g0, m)`,
    'N,32,128',
  ],
  ['a length that is not known', `${BLOCKS} y = Gather<axis = 2>(l, last)`, 'N,32,T'],
  ['channels', `${BLOCKS} y = Gather<axis = 1>(l, last)`, 'N,32,128'],
  ['most of the places', `a = Conv<pads = [1, 1]>(x, w) y = Slice(a, nine, far, two)`, 'N,32,32'],
  ['no convolution', 'a = Relu(x) y = Gather<axis = 2>(a, last)', 'N,32,128'],
  ['auto_pad', 'a = Conv<auto_pad = "SAME_UPPER">(x, w) y = Gather<axis = 2>(a, last)', 'N,32,128'],
  ['nothing but padding', 'a = Conv<pads = [4, 4]>(x, w) y = Gather<axis = 2>(a, last)', 'N,32,128'],
])('left as it is: %s', async (_, body, x) => {
  expect((await rewriteWith(computeKeptPlaces, model(body, x))).report.applied).toBe(0)
})

test('a saving that is smaller than the copy is refused', async () => {
  const small = `, float[1,32,1] s = ${randomList(32, 5)}`
  const body = 'a = Conv(x, s) y = Gather<axis = 2>(a, last)'
  expect((await rewriteWith(computeKeptPlaces, model(body, 'N,32,8', small))).reasons.join()).toMatch(/copies/)
})

test('what only a part of the readers narrow is computed whole, and they take their part of it', async () => {
  const body = `${BLOCKS.replace('c = Conv', 'z = ReduceMax<keepdims = 0>(b) c = Conv')} o = Gather<axis = 2>(l, last) y = Add(o, z)`
  const { after } = await rewriteEqually(computeKeptPlaces, model(body))
  const first = after.graph.nodes.find(({ opType }) => opType === 'Conv')
  expect(attribute(first, 'dilations')).toEqual([4])
})
