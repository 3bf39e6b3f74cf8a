import { describe, expect, test } from 'vitest'
import type { Feeds } from '../src/engine/index.ts'
import type { Model } from '../src/ir/index.ts'
import { passes } from '../src/passes/index.ts'
import { decibels, modelWith, randomValue, runOnce } from './quantize-kit.ts'
import { expectEqualModels, numbersOf, rewriteWith } from './rewrite-kit.ts'

const head = '<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]>'
const CODES = 'c, s, z = DynamicQuantizeLinear(x)'

const undoDynamicInt8 = passes.undoDynamicInt8!

async function noise(before: Model, after: Model, feeds: Feeds): Promise<number> {
  const [a, b] = [await runOnce(before, feeds), await runOnce(after, feeds)]
  return decibels(a.y!, b.y!)
}

/** What two kernels of a convolution with one input channel hold: codes of 3, …, 11 around 8, and of 250, 249, …. */
const WEIGHTS =
  'uint8[2,1,3,3] w = {3,4,5,6,7,8,9,10,11, 250,249,248,247,246,245,244,243,242}, uint8 wz = {8}, float[2] b = {0.5, -1}, int64[4] shape = {1,2,1,1}'
const convolution = (scale: string, body: string) =>
  `${head} g (float[N,1,5,5] x) => (float[N,2,3,3] y) <${WEIGHTS}, ${scale}> { ${CODES} i = ConvInteger(c, w, z, wz) ${body} }`
const PLAIN = 'f = Cast<to = 1>(i) t = Mul(s, ws) y = Mul(f, t)'

/** As the product is when nothing is rounded: the same model with the float weights. */
const expected = (weights: readonly number[], bias: string) =>
  `${head} g (float[N,1,5,5] x) => (float[N,2,3,3] y) <float[2,1,3,3] w = {${weights.join(', ')}}${bias && `, float[2] b = ${bias}`}> { y = Conv(x, w${bias && ', b'}) }`

test('a convolution whose input is rounded in each run is one in float with the weights of its codes', async () => {
  const { after, ops } = await rewriteWith(undoDynamicInt8, convolution('float ws = {0.5}', PLAIN))
  expect(ops).toEqual(['Conv'])
  const weights = numbersOf(after, after.graph.nodes[0]!.inputs[1]!)
  expect(weights.slice(0, 3)).toEqual([-2.5, -2, -1.5])
  expect(weights.slice(9, 11)).toEqual([121, 120.5])
})

test('one scale an output channel; its axis must be that of the channels', async () => {
  const scaled = await rewriteWith(undoDynamicInt8, convolution('float[1,2,1,1] ws = {0.5, 0.25}', PLAIN))
  expect(numbersOf(scaled.after, scaled.after.graph.nodes[0]!.inputs[1]!).slice(9, 11)).toEqual([60.5, 60.25])
  const along = convolution('float[1,1,2,1] ws = {0.5, 0.25}', PLAIN).replaceAll('[N,2,3,3]', '[N,2,2,3]')
  const wrong = await rewriteWith(undoDynamicInt8, along.replace('[N,1,5,5]', '[N,1,4,5]'))
  expect(wrong.ops).toContain('ConvInteger')
  expect(wrong.reasons).toEqual(['its scales are none for single outputs'])
})

test('a bias that is rounded to the step of the sums goes in whole', async () => {
  const rounded = 'u = Mul(s, ws) d = Div(b, u) r = Floor(d) k = Cast<to = 6>(r) m = Reshape(k, shape) j = Add(i, m)'
  const body = `${rounded} f = Cast<to = 1>(j) t = Mul(s, ws) y = Mul(f, t)`
  const { after, ops } = await rewriteWith(undoDynamicInt8, convolution('float ws = {0.5}', body))
  expect(ops).toEqual(['Conv'])
  const weights = numbersOf(after, after.graph.nodes[0]!.inputs[1]!)
  await expectEqualModels((await rewriteWith(undoDynamicInt8, expected(weights, '{0.5, -1}'))).after, after)
})

test('scales that are computed, and codes of a range that is known, stay', async () => {
  const other = await rewriteWith(
    undoDynamicInt8,
    convolution('float ws = {0.5}', 'f = Cast<to = 1>(i) q = ReduceMax(x) t = Mul(q, ws) y = Mul(f, t)'),
  )
  expect(other.reasons).toEqual(['its input is not rounded by one DynamicQuantizeLinear'])
  expect(other.after).toBe(other.before)
})

describe('what the dynamic scheme made is undone', () => {
  const cases = {
    MatMul: [
      'g (float[N,4,64] x) => (float y) { a = MatMul(x, w) y = Add(a, b) }',
      { w: [64, 96], b: [96] },
      [2, 4, 64],
    ],
    'products of one value': [
      'g (float[4,64] x) => (float y) { a = MatMul(x, w) b = MatMul(x, v) y = Add(a, b) }',
      { w: [64, 64], v: [64, 64] },
      [4, 64],
    ],
    LSTM: [
      'g (float[5,2,32] x) => (float y) { y = LSTM<hidden_size = 24, direction = "bidirectional">(x, w, r, b) }',
      { w: [2, 96, 32], r: [2, 96, 24], b: [2, 192] },
      [5, 2, 32],
    ],
  } as const
  for (const [name, [graph, weights, dims]] of Object.entries(cases))
    test.each([{}, { oneScale: true }])(`${name}, %j`, async (options) => {
      const before = modelWith(graph, weights)
      const quantized = (await passes.quantizeDynamicInt8!.run(before, { ...options, target: 'portable' } as never, []))
        .model
      const { after, ops, reasons } = await rewriteWith(undoDynamicInt8, quantized)
      expect(reasons).toEqual([])
      expect(ops.filter((op) => /Dynamic|Integer|Cast/.test(op))).toEqual([])
      const feeds = { x: randomValue(dims, 3, 2) }
      // Weights keep their roundings, inputs have none any more.
      const [left, undone] = [await noise(before, quantized, feeds), await noise(before, after, feeds)]
      expect(undone).toBeGreaterThan(left)
      expect(await noise(quantized, after, feeds)).toBeGreaterThan(35)
    })
})

test('the fused operators of the runtime, with and without a bias', async () => {
  const weights = `int8[3,2] w = {1,2,3,4,5,-6}, float[2] ws = {0.5, 0.25}, int8[2] wz = {0, 1}, float[2] b = {10, 20}`
  const of = (body: string) => `${head} g (float[N,3] x) => (float[N,2] y) <${weights}> { ${body} }`
  const fused = await rewriteWith(undoDynamicInt8, of('y = com.microsoft.DynamicQuantizeMatMul(x, w, ws, wz, b)'))
  expect(fused.ops).toEqual(['MatMul', 'Add'])
  expect(numbersOf(fused.after, fused.after.graph.nodes[0]!.inputs[1]!)).toEqual([0.5, 0.25, 1.5, 0.75, 2.5, -1.75])
  const two = await rewriteWith(
    undoDynamicInt8,
    of(`${CODES} y = com.microsoft.MatMulIntegerToFloat(c, w, s, ws, z, wz)`),
  )
  expect(two.ops).toEqual(['MatMul'])
  const one = await rewriteWith(undoDynamicInt8, of('y = com.microsoft.DynamicQuantizeMatMul(x, w, ws, wz)'))
  await expectEqualModels(one.after, two.after)
})

test('a product whose weights are computed stays', async () => {
  const source = `${head} g (float[N,4] x, int8[4,3] w) => (float[N,3] y) <float ws = {0.5}> { y = com.microsoft.DynamicQuantizeMatMul(x, w, ws) }`
  const { reasons, before, after } = await rewriteWith(undoDynamicInt8, source)
  expect(reasons).toEqual(['its weights are not constant'])
  expect(after).toBe(before)
})
