import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { cropByPadding } from './crop-by-padding.ts'

const BOUNDS = `int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] last = {-1}, int64[1] four = {-4},
  int64[1] eight = {8}, int64[1] all = {9223372036854775807}, int64[2] front = {0, 1}, int64[2] back = {-2, -1}, int64[2] axes = {2, -1}`
const model = (body: string, { input = 'float[N,2,T] x', w = 'float[3,2,3]', count = 18, opset = 13 } = {}) =>
  `<ir_version: 8, opset_import: ["" : ${opset}]> g (${input}) => (float y) <${BOUNDS}, ${w} w = ${randomList(count, 2)}> { ${body} }`
const CAUSAL = 'c = Conv<pads = [4, 4], dilations = [2]>(x, w)'

test('a causal convolution pads one side alone, also over lines of any length', async () => {
  for (const T of [1, 7])
    for (const bounds of ['c, zero, four, two, one', 'c, zero, four, last']) {
      const body = `${CAUSAL} s = Slice(${bounds}) y = Relu(s)`
      const { ops, after } = await rewriteEqually(cropByPadding, model(body), { sizes: { N: 2, T } })
      expect(ops).toEqual(['Conv', 'Relu'])
      expect(after.graph.nodes[0]!.attributes.get('pads')).toEqual({ type: 'ints', value: [4n, 0n] })
    }
})

test('what a stride skips counts, beginnings and ends that are told by their place, and pictures', async () => {
  const strided = 'c = Conv<pads = [2, 3], strides = [2]>(x, w) y = Slice(c, one, all, two)'
  const { ops } = await rewriteEqually(cropByPadding, model(strided, { input: 'float[1,2,12] x' }))
  expect(ops).toEqual(['Conv'])
  const placed = 'c = Conv<pads = [1, 2]>(x, w) y = Slice(c, zero, eight, two)'
  expect((await rewriteEqually(cropByPadding, model(placed, { input: 'float[1,2,8] x' }))).ops).toEqual(['Conv'])
  const picture = 'c = Conv<pads = [2, 2, 2, 2]>(x, w) y = Slice(c, front, back, axes)'
  const options = { input: 'float[1,2,6,9] x', w: 'float[3,2,3,3]', count: 54 }
  expect((await rewriteEqually(cropByPadding, model(picture, options))).ops).toEqual(['Conv'])
})

test('a Slice that would leave nothing of a line stays', async () => {
  const body = 'c = Conv<pads = [1, 1]>(x, w) y = Slice(c, one, last, two)'
  const { reasons } = await rewriteWith(cropByPadding, model(body, { input: 'float[1,2,2] x' }))
  expect(reasons.join()).toMatch(/short lines/)
})

test.each([
  ['more than the padding made', 'c = Conv<pads = [2, 2]>(x, w) y = Slice(c, zero, four, two)', /more is cut off/],
  ['another reader', `${CAUSAL} s = Slice(c, zero, four, two) m = ReduceMax(c) y = Add(s, m)`, /also read elsewhere/],
  ['channels', `${CAUSAL} y = Slice(c, zero, last, one)`, /something else/],
  ['steps', `${CAUSAL} y = Slice(c, zero, all, two, two)`, /something else/],
  ['an end by its place', `${CAUSAL} y = Slice(c, zero, eight, two)`, /something else/],
  ['auto_pad', 'c = Conv<auto_pad = "SAME_UPPER">(x, w) y = Slice(c, zero, last, two)', /auto_pad/],
  [
    'bounds that are computed',
    'c = Conv<pads = [4, 4]>(x, w) l = Size(x) e = Reshape(l, one) y = Slice(c, zero, e, two)',
    /constant/,
  ],
  ['short lines', 'c = Conv<pads = [1, 1]>(x, w) y = Slice(c, zero, last, two)', /short lines/],
])('the Slice stays: %s', async (_, body, reason) => {
  expect((await rewriteWith(cropByPadding, model(body))).reasons.join()).toMatch(reason)
})
