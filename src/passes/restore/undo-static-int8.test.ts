import { expect, test } from 'vitest'
import { numbersOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { undoStaticInt8 } from './undo-static-int8.ts'

const head = '<ir_version: 10, opset_import: ["" : 20]>'
const SCALES = 'float s = {0.5}, uint8 z = {0}, float t = {0.25}, uint8 m = {128}'
const of = (body: string, more = '') =>
  `${head} g (float[N,2,4,4] x) => (float[N,2,4,4] y) <${SCALES}${more && `, ${more}`}> { ${body} }`

test('weights in codes are the numbers that they stand for, with one scale or one a channel', async () => {
  const weights = 'int8[2,2,1,1] w8 = {1,2,3,-4}, float[2] ws = {0.5, 2}, int8[2] wz = {0, 1}'
  const { after, ops } = await rewriteWith(
    undoStaticInt8,
    of('w = DequantizeLinear<axis = 0>(w8, ws, wz) y = Conv(x, w)', weights),
  )
  expect(ops).toEqual(['Conv'])
  expect(numbersOf(after, 'w')).toEqual([0.5, 1, 4, -10])
  const one = await rewriteWith(undoStaticInt8, of('w = DequantizeLinear(w8, s) y = Conv(x, w)', weights))
  expect(numbersOf(one.after, 'w')).toEqual([0.5, 1, 1.5, -2])
})

test('a pair of conversions is nothing but the bounds of its codes, and those only behind a sum', async () => {
  const pair = (x: string, y: string, [s, z] = ['s', 'z']) =>
    `q${y} = QuantizeLinear(${x}, ${s}, ${z}) ${y} = DequantizeLinear(q${y}, ${s}, ${z})`
  const { after, ops } = await rewriteWith(
    undoStaticInt8,
    of(
      `${pair('x', 'a')} b = Add(a, a) ${pair('b', 'c', ['t', 'm'])} d = MaxPool<kernel_shape = [1,1]>(c) ${pair('d', 'y')}`,
    ),
  )
  expect(ops).toEqual(['Add', 'Clip', 'MaxPool'])
  const clip = after.graph.nodes[1]!
  expect(clip.inputs.slice(1).map((name) => numbersOf(after, name)[0])).toEqual([-32, 31.75])
})

test('a Relu that a quantizer left out is there as a bound', async () => {
  const { after } = await rewriteWith(
    undoStaticInt8,
    of('a = Add(x, x) q = QuantizeLinear(a, s, z) y = DequantizeLinear(q, s, z)'),
  )
  expect(numbersOf(after, after.graph.nodes[1]!.inputs[1]!)).toEqual([0])
})

test.each([
  ['other scales on either side', 'q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, t, z)', '', /another scale/],
  [
    'a scale that is computed',
    'u = ReduceMax<keepdims = 0>(x) q = QuantizeLinear(x, u, z) y = DequantizeLinear(q, u, z)',
    '',
    /not one constant/,
  ],
  [
    'a scale a channel',
    'q = QuantizeLinear<axis = 1>(x, v) y = DequantizeLinear<axis = 1>(q, v)',
    'float[2] v = {1, 2}',
    /not one constant/,
  ],
])('left alone: %s', async (_, body, more, reason) => {
  const { before, after, reasons } = await rewriteWith(undoStaticInt8, of(body, more))
  expect(after).toBe(before)
  expect(reasons.join()).toMatch(reason)
})

test('codes that go out, or come in, stay', async () => {
  const out = `${head} g (float[N] x) => (uint8[N] q, float[N] y) <${SCALES}> { q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = Neg(d) }`
  const { ops } = await rewriteWith(undoStaticInt8, out)
  expect(ops).toEqual(['QuantizeLinear', 'Neg'])
  const within = `${head} g (uint8[N] x) => (float[N] y) <${SCALES}> { y = DequantizeLinear(x, s, z) }`
  expect((await rewriteWith(undoStaticInt8, within)).ops).toEqual(['DequantizeLinear'])
})
