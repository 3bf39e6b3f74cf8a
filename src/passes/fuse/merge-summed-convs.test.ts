import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { mergeSummedConvs } from './merge-summed-convs.ts'

const WEIGHTS = {
  w: [8, 8, 3, 3],
  wb: [8],
  v: [8, 8, 1, 1],
  vb: [8],
  g: [8, 2, 3, 3],
  dw: [8, 1, 3, 3],
  line: [8, 8, 1, 3],
  atrous: [8, 8, 3, 3],
  wide: [8, 8, 5, 5],
  gamma: [8],
  beta: [8],
  mean: [8],
  narrow: [1, 8, 1, 1],
  whole: [8, 8, 7, 6],
}
const VARIANCE = 'variance = Constant<value = float[8] {1, 2, 0.5, 1, 3, 1, 0.25, 1}>()'

const sums = (body: string, outputs = 'float y') =>
  modelWith(`g (float[1,8,7,6] x) => (${outputs}) { ${VARIANCE} ${body} }`, WEIGHTS)

const padded = (name: string, rule: string) => `${name} = Conv<auto_pad = "${rule}", strides = [2, 2]>(x, w)`
const NORMALIZED = 'BatchNormalization(x, gamma, beta, mean, variance)'

test.each([
  ['windows of two sizes', 'a = Conv<pads = [1, 1, 1, 1]>(x, w, wb) b = Conv(x, v) y = Add(a, b)'],
  ['the smaller one first, biases on both', 'a = Conv(x, v, vb) b = Conv<pads = [1, 1, 1, 1]>(x, w, wb) y = Add(a, b)'],
  [
    'strides',
    'a = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, w) b = Conv<strides = [2, 2]>(x, v, vb) y = Add(a, b)',
  ],
  ['rows of a window', 'a = Conv<pads = [1, 1, 1, 1]>(x, w) b = Conv<pads = [0, 1, 0, 1]>(x, line) y = Add(a, b)'],
  [
    'gaps between the taps',
    'a = Conv<pads = [2, 2, 2, 2]>(x, wide) b = Conv<pads = [2, 2, 2, 2], dilations = [2, 2]>(x, atrous) y = Add(a, b)',
  ],
  ['the value normalized', `a = Conv<pads = [1, 1, 1, 1]>(x, w, wb) b = ${NORMALIZED} y = Add(b, a)`],
  ['groups and the value normalized', `a = Conv<pads = [1, 1, 1, 1], group = 4>(x, g) b = ${NORMALIZED} y = Add(a, b)`],
  ['a channel a group and the value itself', 'a = Conv<pads = [1, 1, 1, 1], group = 8>(x, dw, wb) y = Add(x, a)'],
] as const)('%s: one convolution', async (_, body) => {
  const { before, after, report, ops } = await rewriteWith(mergeSummedConvs, sums(body))
  expect(report.applied).toBe(1)
  expect(ops.filter((op) => op !== 'Constant')).toEqual(['Conv'])
  await expectEqualModels(before, after)
})

test('three branches, as RepVGG trains them, become one convolution', async () => {
  const { before, after, report, ops } = await rewriteWith(
    mergeSummedConvs,
    sums(
      `a = Conv<pads = [1, 1, 1, 1]>(x, w) b = Conv(x, v) c = ${NORMALIZED} d = Add(a, b) e = Add(d, c) y = Relu(e)`,
    ),
  )
  expect(report.applied).toBe(2)
  expect(ops.filter((op) => op !== 'Constant')).toEqual(['Conv', 'Relu'])
  await expectEqualModels(before, after)
})

test.each([
  ['the value itself beside all channels', 'a = Conv<pads = [1, 1, 1, 1]>(x, w) y = Add(a, x)', 'float y'],
  [
    'a branch that is read elsewhere',
    'a = Conv(x, v) b = Conv(x, v, vb) y = Add(a, b) z = Relu(a)',
    'float y, float z',
  ],
  ['a branch that is an output', 'a = Conv(x, v) b = Conv(x, v, vb) y = Add(a, b)', 'float y, float a'],
  ['another value', 'r = Relu(x) a = Conv(x, v) b = Conv(r, v, vb) y = Add(a, b)', 'float y'],
  ['one channel for all', 'a = Conv(x, v) b = Conv(x, narrow) y = Add(a, b)', 'float y'],
  [
    'taps that lie elsewhere',
    'a = Conv<pads = [0, 0, 2, 2]>(x, w) b = Conv<pads = [2, 2, 0, 0]>(x, w) y = Add(a, b)',
    'float y',
  ],
  ['other groups', 'a = Conv<pads = [1, 1, 1, 1], group = 8>(x, dw) b = Conv(x, v) y = Add(a, b)', 'float y'],
  [
    'windows padded by other rules',
    `${padded('a', 'SAME_UPPER')} ${padded('b', 'SAME_LOWER')} y = Add(a, b)`,
    'float y',
  ],
  ['one place for all, of a window as large as x', 'a = Conv(x, v) b = Conv(x, whole) y = Add(a, b)', 'float y'],
  ['one place for all, by its steps', 'a = Conv(x, v) b = Conv<strides = [9, 9]>(x, v) y = Add(a, b)', 'float y'],
  ['a convolution and itself', 'a = Conv(x, v) y = Add(a, a)', 'float y'],
  ['no convolution', 'r = Relu(x) y = Add(r, x)', 'float y'],
  [
    'another value normalized',
    `r = Relu(x) a = Conv(x, v) b = ${NORMALIZED.replace('x', 'r')} y = Add(a, b)`,
    'float y',
  ],
  [
    'a normalized value that is read elsewhere',
    `a = Conv(x, v) b = ${NORMALIZED} y = Add(a, b) z = Relu(b)`,
    'float y, float z',
  ],
  ['weights that are computed', 's = Relu(v) a = Conv(x, s) b = Conv(x, v) y = Add(a, b)', 'float y'],
] as const)('%s: left alone', async (_, body, outputs) => {
  const { report } = await rewriteWith(mergeSummedConvs, sums(body, outputs))
  expect(report.applied).toBe(0)
})
