import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { convolveParts } from './convolve-parts.ts'

const WEIGHTS = {
  w: [32, 3, 3, 3],
  b: [32],
  d: [32, 1, 3, 3],
  e: [32],
  v: [16, 16, 1, 1],
  t: [16, 3, 1, 1],
  u: [32, 3, 7, 7],
  large: [32, 32, 3, 3],
}
const SPLIT = 'p, q = Split<axis = 1, num_outputs = 2>'
const GATED = 'm = Mul(p, q) y = Conv(m, v)'
const model = (body: string, outputs = 'float y', weights: Record<string, readonly number[]> = WEIGHTS) =>
  modelWith(`g (float[1,3,9,8] x) => (${outputs}) { zero = Constant<value_float = 0.0>() ${body} }`, weights)

test.each([
  ['a convolution', `c = Conv(x, w, b) ${SPLIT}(c) ${GATED}`, 3],
  ['one behind another axis name', `c = Conv(x, w) p, q = Split<axis = -3, num_outputs = 2>(c) ${GATED}`, 3],
  ['one with a clip', `c = Conv(x, w, b) l = Clip(c, zero) ${SPLIT}(l) ${GATED}`, 3],
  ['one with a SiLU', `c = Conv(x, w, b) s = Sigmoid(c) l = Mul(s, c) ${SPLIT}(l) ${GATED}`, 3],
  ['a window a channel', `c = Conv(x, w, b) r = Relu(c) f = Conv<group = 32>(r, d, e) ${SPLIT}(f) ${GATED}`, 5],
  ['halves of which one goes on', `c = Conv(x, w, b) ${SPLIT}(c) n = Conv(q, v) y = Concat<axis = 1>(p, q, n)`, 3],
] as const)('%s is done by parts, which stay in blocks', async (_, body, convolutions) => {
  const { before, after, report, ops } = await rewriteWith(convolveParts, model(body))
  expect(report.applied).toBe(1)
  expect(ops.filter((op) => op === 'Conv')).toHaveLength(convolutions)
  await expectEqualModels(before, after)
  const [plain, blocked] = [await kernelsOf(before), await kernelsOf(after)]
  expect(blocked).not.toHaveProperty('Split')
  expect(blocked.ReorderOutput).toBe(1)
  expect(plain.ReorderOutput).toBeGreaterThan(1)
})

test('parts of several widths, one of them handed out', async () => {
  const split = 'p, q = Split<axis = 1>(c, sizes)'
  const source = `g (float[N,3,9,8] x) => (float y, float q) <int64[2] sizes = {16, 32}>
    { c = Conv(x, w) ${split} y = Conv(p, v) }`
  const { before, after, ops } = await rewriteWith(convolveParts, modelWith(source, { ...WEIGHTS, w: [48, 3, 3, 3] }))
  expect(ops).toEqual(['Conv', 'Conv', 'Conv'])
  await expectEqualModels(before, after)
})

test.each([
  ['parts that are no whole blocks', `c = Conv(x, t) ${SPLIT}(c) y = Mul(p, q)`, 'float y'],
  ['windows are large', `k = Conv<pads = [3,3,3,3]>(x, u) c = Conv(k, large) ${SPLIT}(c) ${GATED}`, 'float y'],
  ['rows are split', `c = Conv(x, w) p, q = Split<axis = 2>(c, rows) y = Concat<axis = 2>(q, p)`, 'float y'],
  ['the whole is read elsewhere', `c = Conv(x, w) ${SPLIT}(c) r = Relu(c) ${GATED}`, 'float y, float r'],
  ['the whole is handed out', `c = Conv(x, w) ${SPLIT}(c) ${GATED}`, 'float y, float c'],
  [
    'what is read on the way is read elsewhere',
    `c = Conv(x, w) l = Relu(c) ${SPLIT}(l) ${GATED} z = Neg(c)`,
    'float y, float z',
  ],
  ['a gate is read elsewhere', `c = Conv(x, w) s = Sigmoid(c) l = Mul(s, c) ${SPLIT}(l) ${GATED}`, 'float y, float s'],
  [
    'a gate is of another value',
    `c = Conv(x, w) e = Conv(x, w) s = Sigmoid(e) l = Mul(s, c) ${SPLIT}(l) ${GATED}`,
    'float y',
  ],
  ['no convolution makes it', `c = Conv(x, w) l = Softmax<axis = 1>(c) ${SPLIT}(l) ${GATED}`, 'float y'],
  [
    'windows a channel read what is made otherwise',
    `c = Concat<axis = 1>(x, x) f = Conv<group = 32>(c, d) ${SPLIT}(f) ${GATED}`,
    'float y',
  ],
] as const)('left alone where %s', async (_, body, outputs) => {
  const source = `g (float[1,3,9,8] x) => (${outputs}) <int64[2] rows = {4, 3}> { ${body} }`
  const wide = body.includes('Concat<axis = 1>(x, x)') ? source.replace('[1,3,9,8]', '[1,16,9,8]') : source
  expect((await rewriteWith(convolveParts, modelWith(wide, WEIGHTS))).report.applied).toBe(0)
})
