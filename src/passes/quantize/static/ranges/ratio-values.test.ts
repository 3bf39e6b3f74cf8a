import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, runOnce } from '../../../../../tests/quantize-kit.ts'
import { type Model, tensorOf } from '../../../../ir/index.ts'

/** Rows of a spectrum: bins over five orders of size, of both signs. */
const bins = {
  dtype: 'float32',
  dims: [8, 64],
  data: Float32Array.from({ length: 8 * 64 }, (_, i) => Math.sin(i * 1.7) * 10 ** (-((i * 7) % 50) / 10)),
} as const

/** Banks of filters, none of them negative. */
const banks = tensorOf(
  'float32',
  [64, 64],
  Float32Array.from({ length: 64 * 64 }, (_, i) => Math.max(0, 1 - Math.abs((i >> 6) - (i & 63)) / 2)),
  'm',
)

const withBanks = (text: string): Model => {
  const model = modelWith(text, { w: [64, 64] })
  return { ...model, graph: { ...model.graph, initializers: new Map([...model.graph.initializers, ['m', banks]]) } }
}

async function quantized(model: Model) {
  const result = await inIntegers(model, { x: bins })
  const [expected, actual] = [await runOnce(model, { x: bins }), await runOnce(result.model, { x: bins })]
  const reasons = Object.fromEntries(result.report.refused.map(({ node, reason }) => [node, reason]))
  return { ...result, reasons, db: decibels(expected.y!, actual.y!) }
}

const BY_RATIOS = expect.stringContaining('looks at ratios')

test('a spectrum on its way to a logarithm stays in float, and what reads the logarithm does not', async () => {
  const { model, reasons, db } = await quantized(
    withBanks(`g (float[8,64] x) => (float y) <float e = {0.0001}>
      { p = Mul(x, x) f = MatMul(p, m) a = Add(f, e) [log] l = Log(a) y = MatMul(l, w) }`),
  )
  expect(reasons).toMatchObject({ p: BY_RATIOS, f: BY_RATIOS })
  expect(reasons.p).toContain('log looks')
  expect(await kernelsOf(model)).toMatchObject({ MatMulIntegerToFloat: 1 })
  expect(db).toBeGreaterThan(35)
})

test('numbers that lie close together may have codes in front of a logarithm', async () => {
  const { reasons } = await quantized(
    withBanks(`g (float[8,64] x) => (float y) <float e = {1.0}>
      { s = Sigmoid(x) a = Add(s, e) l = Log(a) y = MatMul(l, w) }`),
  )
  for (const node of ['s', 'a']) expect(reasons[node] ?? '').not.toContain('ratios')
})

test('what a product of both signs reads keeps its codes, and so does what a mean of many is made of', async () => {
  const { reasons } = await quantized(
    withBanks(`g (float[8,64] x) => (float y) <float e = {0.0001}, int64[1] last = {-1}>
      { r = Add(x, w0) [product] q = MatMul(r, w) a = Abs(q) l = Log(a)
        s = Mul(x, w0) t = Mul(s, s) n = ReduceMean(t, last) d = Sqrt(n) z = Div(s, d)
        y = Add(l, z) w0 = Constant<value_float = 1.5>() }`),
  )
  expect(reasons).toMatchObject({ product: BY_RATIOS })
  for (const node of ['r', 's', 't']) expect(reasons[node] ?? '').not.toContain('ratios')
})
