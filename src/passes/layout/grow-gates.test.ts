import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { growGates } from './grow-gates.ts'

const WEIGHTS = {
  u: [32, 3, 1, 1],
  d: [32, 1, 3, 3],
  s: [16, 32, 1, 1],
  t: [32, 16, 1, 1],
  v: [8, 32, 1, 1],
  few: [20, 3, 1, 1],
  fewer: [20, 20, 1, 1],
  last: [8, 20, 1, 1],
}
const GATE = 'p = GlobalAveragePool(r) q = Conv(p, s) f = Relu(q) e = Conv(f, t) g = HardSigmoid(e)'
const FRONT = 'a = Conv(x, u) k = Conv<group = 32, pads = [1, 1, 1, 1]>(a, d) r = Relu(k)'
const model = (body: string, shape = '2,3,9,7', outputs = 'float y') =>
  modelWith(`g (float[${shape}] x) => (${outputs}) { ${body} }`, WEIGHTS)

test.each([
  ['a gate', `${FRONT} ${GATE} m = Mul(r, g) y = Conv(m, v)`],
  ['a gate on the other side', `${FRONT} ${GATE} m = Mul(g, r) y = Conv(m, v)`],
  ['what is added', `${FRONT} ${GATE} m = Add(r, g) h = Relu(m) y = Conv(h, v)`],
] as const)('%s leaves the picture in its blocks', async (_, body) => {
  const { before, after, ops } = await rewriteEqually(growGates, model(body))
  expect(ops.filter((op) => op === 'Resize')).toHaveLength(1)
  const [plain, grown] = [await kernelsOf(before), await kernelsOf(after)]
  // Repeated in blocks; the one value in plain order is the output.
  expect(grown).toMatchObject({ Upsample: 1, ReorderOutput: 1 })
  expect(grown).not.toHaveProperty('Reshape')
  expect((plain.ReorderOutput ?? 0) + (plain.Reshape ?? 0)).toBeGreaterThan(1)
})

test('a sum with what a convolution makes is a part of it', async () => {
  const body = 'a = Conv(x, u) p = GlobalAveragePool(x) e = Conv(p, u) m = Add(a, e) r = Relu(m) y = Conv(r, v)'
  const { after } = await rewriteEqually(growGates, model(body))
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ Upsample: 1, Conv: 3 })
  expect(kernels).not.toHaveProperty('Add')
  expect(kernels).not.toHaveProperty('Relu')
})

test.each([
  ['sizes are not known', `${FRONT} ${GATE} m = Mul(r, g) y = Conv(m, v)`, '2,3,H,W', 'float y'],
  ['no convolution reads it', `${FRONT} ${GATE} y = Mul(r, g)`, '2,3,9,7', 'float y'],
  ['both are pictures', `${FRONT} m = Mul(r, a) y = Conv(m, v)`, '2,3,9,7', 'float y'],
  [
    'broken blocks',
    'a = Conv(x, few) p = GlobalAveragePool(a) g = Conv(p, fewer) m = Mul(a, g) y = Conv(m, last)',
    '2,3,9,7',
    'float y',
  ],
] as const)('left alone: %s', async (_, body, shape, outputs) => {
  const { report } = await rewriteWith(growGates, model(body, shape, outputs))
  expect(report.applied).toBe(0)
})
