import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { quantize } from '../../index.ts'
import { fromNumbers, toNumbers } from '../../ir/index.ts'
import { convolveNormalizations } from './convolve-normalizations.ts'

const NORM = { g: [16], h: [16], m: [16], v: [16] }
const PRODUCTS = { w: [8, 3, 1, 1], u: [8, 3, 1, 1], k: [5, 16, 3, 3] }
const JOINED = 'a = Conv(x, w) b = Conv(x, u) c = Concat<axis = 1>(a, b)'

/** Drawn variances are squared, so that they have a root. */
const model = (body: string, weights: Record<string, readonly number[]> = {}, outputs = 'float y', size = '6,5') => {
  const built = modelWith(`g (float[1,3,${size}] x) => (${outputs}) { ${body} }`, { ...PRODUCTS, ...NORM, ...weights })
  const drawn = built.graph.initializers.get('v')!
  const variance = fromNumbers(
    'float32',
    drawn.dims,
    toNumbers(drawn).map((value) => value * value + 0.1),
  )
  return { ...built, graph: { ...built.graph, initializers: new Map(built.graph.initializers).set('v', variance) } }
}

test('a normalization between a Concat and a convolution becomes a convolution of one tap', async () => {
  const { before, after, report, ops } = await rewriteWith(
    convolveNormalizations,
    model(`${JOINED} n = BatchNormalization(c, g, h, m, v) r = Relu(n) y = Conv<pads = [1, 1, 1, 1]>(r, k)`),
  )
  expect(report.applied).toBe(1)
  expect(ops).toEqual(['Conv', 'Conv', 'Concat', 'Conv', 'Relu', 'Conv'])
  await expectEqualModels(before, after)
  expect(await kernelsOf(after)).not.toHaveProperty('Relu')
})

test('behind a residual sum, in front of an average, and written as a product and a sum', async () => {
  const { before, after, ops } = await rewriteWith(
    convolveNormalizations,
    model(
      `${JOINED} s = Add(c, c) n = BatchNormalization(s, g, h, m, v) p = AveragePool<kernel_shape = [2, 2]>(n)
       q = Mul(c, scale) t = Add(shift, q) y = Conv(t, k) z = Identity(p)`,
      { scale: [16, 1, 1], shift: [1, 16, 1, 1] },
      'float y, float z',
    ),
  )
  expect(ops).toEqual(['Conv', 'Conv', 'Concat', 'Add', 'Conv', 'AveragePool', 'Conv', 'Conv', 'Identity'])
  await expectEqualModels(before, after)
})

test.each([
  ['a reader in plain order', `${JOINED} n = BatchNormalization(c, g, h, m, v) y = Softmax(n)`],
  ['a reader in plain order behind its Relu', `${JOINED} n = BatchNormalization(c, g, h, m, v) r = Relu(n) y = Abs(r)`],
  ['an output', `${JOINED} y = BatchNormalization(c, g, h, m, v) z = Conv(y, k)`],
  [
    'a product that is read elsewhere',
    `${JOINED} q = Mul(c, s) t = Add(q, s) r = Conv(t, k) o = Conv(q, k) y = Add(r, o)`,
  ],
  ['a sum alone', `${JOINED} t = Add(c, s) y = Conv(t, k)`],
] as const)('left alone: %s', async (_, body) => {
  const { report } = await rewriteWith(convolveNormalizations, model(body, { s: [16, 1, 1] }))
  expect(report).toMatchObject({ applied: 0, refused: [] })
})

test.each([
  ['less than a block', 12, '6,5', 0],
  ['no fours', 18, '6,5', 0],
  ['a small picture of broken blocks', 20, '40,40', 1],
  ['a large one', 20, '41,40', 0],
  ['a large one of whole blocks', 32, '41,40', 1],
] as const)('%s', async (_, channels, size, applied) => {
  const norm = Object.fromEntries(['g', 'h', 'm', 'v'].map((name) => [name, [channels]]))
  const weights = { ...norm, w: [channels, 3, 1, 1], k: [5, channels, 3, 3] }
  const body = 'a = Conv(x, w) s = Add(a, a) n = BatchNormalization(s, g, h, m, v) y = Conv(n, k)'
  expect((await rewriteWith(convolveNormalizations, model(body, weights, 'float y', size))).report.applied).toBe(
    applied,
  )
})

test('refused: statistics that are computed', async () => {
  const { reasons } = await rewriteWith(
    convolveNormalizations,
    model(`${JOINED} e = Exp(v) n = BatchNormalization(c, g, h, m, e) y = Conv(n, k)`),
  )
  expect(reasons).toEqual(['its statistics are not finite constants of inference'])
})

test('the integer model of a dense block never leaves integers', async () => {
  const made = model(`${JOINED} n = BatchNormalization(c, g, h, m, v) r = Relu(n) y = Conv<pads = [1, 1, 1, 1]>(r, k)`)
  const values = Float32Array.from({ length: 8 * 3 * 30 }, (_, i) => Math.sin(i))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [8, 3, 6, 5], data: values } })
  const { report } = await quantize(made, { scheme: 'static-int8', data, pass: { placement: 'everywhere' } })
  expect(report.kernels).toMatchObject({ QLinearConv: 3, QuantizeLinear: 1, DequantizeLinear: 1 })
  expect(report.sqnrDb).toBeGreaterThan(30)
  const web = await quantize(made, { scheme: 'static-int8', data, target: 'web', pass: { placement: 'everywhere' } })
  expect(web.model.graph.nodes.filter(({ opType }) => opType === 'BatchNormalization')).toHaveLength(1)
})
