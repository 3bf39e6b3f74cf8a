import { expect, test } from 'vitest'
import { decibels, inIntegers, modelWith, randomValue, runOnce } from '../../../../../tests/quantize-kit.ts'

/** Attention without a Softmax: features of keys, what they sum, and what that is divided by. */
const attention = (features: string, wide = 40) => `g (float[16,64] x) => (float y) <
    float e = {0.0001}, float wide = {${wide}}, int64[1] first = {0}
  > {
    h = MatMul(x, w) m = ReduceMax(h) n = Sub(h, m) d = Mul(n, wide) f = ${features} k = Add(f, e)
    t = Transpose(k) v = MatMul(x, u) [context] c = MatMul(t, v) a = MatMul(k, c)
    o = ReduceSum(k, first) r = Transpose(o) s = MatMul(k, r) y = Div(a, s)
  }`

async function quantized(text: string) {
  const model = modelWith(text, { w: [64, 64], u: [64, 64] })
  const feeds = { x: randomValue([16, 64], 5) }
  const result = await inIntegers(model, feeds)
  const [expected, actual] = [await runOnce(model, feeds), await runOnce(result.model, feeds)]
  return {
    reason: result.report.refused.find(({ node }) => node === 'context')?.reason ?? '',
    db: decibels(expected.y!, actual.y!),
  }
}

test('a product of exponentials stays in float', async () => {
  const { reason, db } = await quantized(attention('Exp(d)'))
  expect(reason).toContain('t is what Exp gives')
  expect(db).toBeGreaterThan(25)
})

test.each([
  ['other features', attention('Sigmoid(d)')],
  ['exponentials that their sum divides', attention('Softmax(d)')],
  ['exponentials that lie close together', attention('Exp(d)', 1)],
])('a product of %s has an integer kernel', async (_, text) => {
  expect((await quantized(text)).reason).toBe('')
})
