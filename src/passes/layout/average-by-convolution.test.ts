import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { averageByConvolution } from './average-by-convolution.ts'

/** A mean, and what reads it. */
const averaged = (mean: string, readers: string, shape = 'N,8,4,5', axes = '1') =>
  modelWith(
    `g (float[${shape}] x) => (float y) <int64[${axes.split(',').length}] a = {${axes}}> { m = ReduceMean${mean}(x, a)  ${readers} }`,
    { w: [3, 1, 3, 3], v: [3, 9, 1, 1] },
  )

const attention = 'g = Sigmoid(x)  j = Concat<axis = 1>(m, g)  y = Conv(j, v)'

test.each([
  ['beside others', averaged('', attention)],
  ['by itself', averaged('', 'y = Conv(m, w)')],
  ['counted from behind, of an open size', averaged('<keepdims = 1>', 'y = Conv(m, w)', 'N,8,H,W', '-3')],
])('a mean over channels that a convolution reads is one: %s', async (_, model) => {
  const { before, after, ops } = await rewriteWith(averageByConvolution, model)
  expect(ops).toContain('Conv')
  expect(ops).not.toContain('ReduceMean')
  await expectEqualModels(before, after, { samples: 1, sizes: { H: 5, W: 4 } })
})

test.each([
  ['differences to it', averaged('', 'y = Sub(x, m)')],
  ['differences beside a convolution', averaged('', 'd = Sub(x, m)  c = Conv(m, w)  y = Mul(d, c)')],
  ['the model’s own output', averaged('', 'y = Identity(m)')],
  [
    'another axis',
    averaged('', 'y = Conv(m, u)  u = Constant<value = float[1,8,1,1] {1,1,1,1,1,1,1,1}>()', 'N,8,4,5', '2'),
  ],
  ['several axes', averaged('', 'y = Conv(m, u)  u = Constant<value = float[1,1,1,1] {1}>()', 'N,8,4,5', '1,2')],
  ['channels that are not known', averaged('', 'y = Conv(m, w)', 'N,C,4,5')],
  ['an axis that is taken away', averaged('<keepdims = 0>', 'y = Concat<axis = 0>(m, m)')],
  ['lines', averaged('', 'y = Concat<axis = 1>(m, x)', 'N,8,4')],
])('a mean stays what it is: %s', async (_, model) => {
  expect((await rewriteWith(averageByConvolution, model)).report.applied).toBe(0)
})
