import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { mergeParallelConvs } from './merge-parallel-convs.ts'

const WEIGHTS = {
  w: [1, 12, 1, 1],
  v: [4, 12, 1, 1],
  u: [10, 12, 1, 1],
  wide: [16, 12, 1, 1],
  g: [4, 6, 1, 1],
  t: [12, 12, 1, 1],
  vb: [4],
  ub: [10],
}

const heads = (
  body: string,
  weights: Record<string, readonly number[]> = WEIGHTS,
  outputs = 'float a, float b, float c',
) => modelWith(`g (float[1,12,6,5] x) => (${outputs}) { ${body} }`, weights)

test('heads that read the same value become one convolution, split', async () => {
  const { before, after, report, ops } = await rewriteWith(
    mergeParallelConvs,
    heads(
      'a = Conv(x, w) r = Relu(a) b = Conv(x, v, vb) c = Conv(x, u, ub) d = Mul(r, r)',
      WEIGHTS,
      'float a, float b, float c, float d',
    ),
  )
  expect(report.applied).toBe(1)
  expect(ops).toEqual(['Conv', 'Split', 'Relu', 'Mul'])
  await expectEqualModels(before, after)
})

test('convolutions of each part, one a channel, move in front of the split', async () => {
  const { before, after, report, ops } = await rewriteWith(
    mergeParallelConvs,
    heads(
      `p = Conv(x, w) q = Conv(x, v, vb)
       a = Conv<group = 1, pads = [1, 1, 1, 1]>(p, dw) b = Conv<group = 4, pads = [1, 1, 1, 1]>(q, dv, vb)
       c = Conv(x, wide)`,
      { ...WEIGHTS, dw: [1, 1, 3, 3], dv: [4, 1, 3, 3] },
    ),
  )
  expect(report.applied).toBe(2)
  expect(ops).toEqual(['Conv', 'Conv', 'Split', 'Conv'])
  await expectEqualModels(before, after)
})

test.each([
  ['full blocks', 'a = Conv(x, wide) b = Conv(x, wide) c = Conv(x, u, ub)'],
  ['no block to save', 'a = Conv(x, u, ub) b = Conv(x, u, ub) c = Relu(x)'],
  ['other strides', 'a = Conv<strides = [2, 2]>(x, w) b = Conv(x, v, vb) c = Relu(x)'],
  ['a transposed convolution', 'a = Conv(x, w) b = ConvTranspose(x, t) c = Relu(x)'],
  ['groups', 'a = Conv<group = 2>(x, g) b = Conv<group = 2>(x, g) c = Relu(x)'],
  ['weights that are computed', 's = Relu(w) a = Conv(x, s) b = Conv(x, v, vb) c = Relu(x)'],
] as const)('%s: left alone', async (_, body) => {
  const { report } = await rewriteWith(mergeParallelConvs, heads(body))
  expect(report.applied).toBe(0)
})

const BRANCHES = {
  p: [24, 12, 1, 1],
  q: [24, 12, 1, 1],
  dw: [24, 1, 3, 3],
  deep: [24, 12, 5, 5],
  c: [24, 1, 1],
  row: [24, 12, 1, 5],
}

test.each([
  ['multiplied with each other', 's = Conv(x, p) t = Conv(x, q) r = Relu(s) y = Mul(r, t)', 0],
  ['multiplied behind a sigmoid', 's = Conv(x, row) t = Conv(x, row2) r = Sigmoid(s) y = Mul(r, t)', 0],
  ['read by other convolutions', 's = Conv(x, p) t = Conv(x, q) y = Conv<group = 24>(s, dw) z = Relu(t)', 0],
  [
    'multiplied by constants, which is done in plain order',
    's = Conv(x, p) t = Conv(x, q) y = Mul(s, c) z = Relu(t)',
    1,
  ],
  ['deep enough to pay', 's = Conv(x, deep) t = Conv(x, deep2) r = Relu(s) y = Mul(r, t)', 1],
] as const)('branches that are %s', async (_, body, merges) => {
  const { before, after, report } = await rewriteWith(
    mergeParallelConvs,
    heads(`${body} a = Relu(x)`, { ...BRANCHES, deep2: BRANCHES.deep, row2: BRANCHES.row }, 'float y, float a'),
  )
  expect(report.applied).toBe(merges)
  await expectEqualModels(before, after)
})

test.each([
  ['of one channel where others are whole', 'b = Conv<pads = [1, 1, 1, 1]>(q, full, vb)'],
  ['with a window of another reach', 'b = Conv<group = 4, pads = [2, 2, 2, 2], dilations = [2, 2]>(q, dv, vb)'],
  ['of some parts alone', 'b = Neg(q)'],
  ['of two channels from one', 'b = Conv<group = 4, pads = [1, 1, 1, 1]>(q, twice)'],
])('convolutions %s stay behind the split', async (_, second) => {
  const { before, after, ops } = await rewriteWith(
    mergeParallelConvs,
    heads(
      `p = Conv(x, w) q = Conv(x, v, vb) a = Conv<group = 1, pads = [1, 1, 1, 1]>(p, dw) ${second} c = Conv(x, wide)`,
      { ...WEIGHTS, dw: [1, 1, 3, 3], dv: [4, 1, 3, 3], full: [4, 4, 3, 3], twice: [8, 1, 3, 3] },
    ),
  )
  expect(ops.indexOf('Split')).toBe(1)
  expect(ops.filter((op) => op === 'Split')).toHaveLength(1)
  await expectEqualModels(before, after)
})

test.each([
  [12, 'a = Conv(x, w) b = Conv(x, v, vb)'],
  [13, 'a = Conv(x, w) b = Conv(x, v, vb)'],
  [12, 'p, q = Split<axis = 1>(x) a = Conv<group = 6>(p, d) b = Conv<group = 6>(q, d)'],
  [13, 'p, q = Split<axis = 1>(x) a = Conv<group = 6>(p, d) b = Conv<group = 6>(q, d)'],
])('before opset 13 a Split takes its sizes otherwise: opset %i, %s', async (opset, body) => {
  const model = heads(`${body} c = Relu(x)`, { ...WEIGHTS, d: [6, 1, 3, 3] })
  const { report } = await rewriteWith(mergeParallelConvs, { ...model, opsets: new Map([['', opset]]) })
  expect(report.applied).toBe(opset < 13 ? 0 : 1)
})

test('rows that are split stay apart', async () => {
  const body = `q = Conv(x, v, vb) s, t = Split<axis = 2, num_outputs = 2>(q)
    a = Conv<group = 4, pads = [1, 1, 1, 1]>(s, dv) b = Conv<group = 4, pads = [1, 1, 1, 1]>(t, dv) c = Relu(x)`
  const { report } = await rewriteWith(mergeParallelConvs, heads(body, { ...WEIGHTS, dv: [4, 1, 3, 3] }))
  expect(report.applied).toBe(0)
})

test('a part that is read twice keeps its place behind the split', async () => {
  const { before, after, report } = await rewriteWith(
    mergeParallelConvs,
    heads(
      `p = Conv(x, w) q = Conv(x, v, vb) a = Conv<pads = [1, 1, 1, 1]>(p, dw) b = Conv<group = 4, pads = [1, 1, 1, 1]>(q, dv, vb)
       c = Relu(q)`,
      { ...WEIGHTS, dw: [1, 1, 3, 3], dv: [4, 1, 3, 3] },
    ),
  )
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after)
})
