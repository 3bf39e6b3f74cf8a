import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { fuseSpaceToDepth } from './fuse-space-to-depth.ts'

const CONSTANTS = `int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3},
  int64[1] all = {9223372036854775807}, int64[2] both = {2, 3}, int64[2] twos = {2, 2}, int64[2] corner = {1, 1},
  int64[2] ends = {100, 100}, int64[2] start = {0, 0}`

const focus = (conv: string, input = 'float[N,3,8,6] x', more = '') =>
  modelWith(
    `g (${input}) => (float y) <${CONSTANTS}> {
      a0 = Slice(x, zero, all, two, two)   a = Slice(a0, zero, all, three, two)
      b0 = Slice(x, one, all, two, two)    b = Slice(b0, zero, all, three, two)
      c0 = Slice(x, zero, all, two, two)   c = Slice(c0, one, all, three, two)
      d = Slice(x, corner, ends, both, twos)
      p = Concat<axis = 1>(a, b, c, d)
      ${conv} ${more} }`,
    { w: [5, 12, 3, 3], bias: [5] },
  )

test('slices of every second pixel become a strided convolution', async () => {
  const { before, after, report, ops } = await rewriteWith(
    fuseSpaceToDepth,
    focus('y = Conv<pads = [1, 1, 1, 0]>(p, w, bias)'),
  )
  expect(report.applied).toBe(1)
  expect(ops.filter((op) => op === 'Conv' || op === 'Concat')).toEqual(['Conv'])
  await expectEqualModels(before, after)
})

test.each([
  ['strides', 'y = Conv<strides = [2, 2]>(p, w, bias)', undefined, '', /strides/],
  ['sizes that are not known', 'y = Conv(p, w, bias)', 'float[N,3,H,W] x', '', null],
  ['an odd height', 'y = Conv(p, w, bias)', 'float[N,3,7,6] x', '', null],
  [
    'another reader',
    's = Conv(p, w, bias) t = ReduceSum<keepdims = 1>(p) y = Add(s, t)',
    undefined,
    '',
    /read elsewhere/,
  ],
] as const)('%s: left alone', async (_, conv, input, more, reason) => {
  const { report, reasons } = await rewriteWith(fuseSpaceToDepth, focus(conv, input, more))
  expect(report.applied).toBe(0)
  if (reason) expect(reasons.join()).toMatch(reason)
})
