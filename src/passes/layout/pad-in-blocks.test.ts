import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { padInBlocks } from './pad-in-blocks.ts'

const WEIGHTS = {
  w: [16, 3, 1, 1],
  v: [32, 16, 3, 3],
  d: [32, 1, 3, 3],
  u: [32, 32, 1, 1],
  narrow: [8, 3, 1, 1],
  wide: [32, 8, 3, 3],
}

const model = (body: string, pads = '0, 0, 0, 0, 0, 16, 0, 0', weights: Record<string, readonly number[]> = WEIGHTS) =>
  modelWith(`g (float[2,3,8,8] x) => (float y) <int64[8] pads = {${pads}}> { ${body} }`, weights)

/** A stage with twice the channels at half the size: `sum` of what its convolutions make and the padded shortcut. */
const stage = (
  sum: string,
  { first = 'w', convolved = 'b = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(r, v)' } = {},
) =>
  `a = Conv(x, ${first}) r = Relu(a) p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r) z = Pad(p, pads)
  ${convolved} s = ${sum} t = Relu(s)`

test('a padded shortcut leaves the sums behind it in blocks of channels', async () => {
  const more = 'e = Conv<group = 32, pads = [1, 1, 1, 1]>(t, d) f = Conv(e, u) g = Add(t, f) h = Relu(g) y = Conv(h, u)'
  const { before, after, ops } = await rewriteWith(padInBlocks, model(`${stage('Add(b, z)')} ${more}`))
  expect(ops).not.toContain('Pad')
  await expectEqualModels(before, after)
  const [plain, blocked] = [await kernelsOf(before), await kernelsOf(after)]
  expect([plain.Add, plain.Relu, plain.ReorderOutput]).toEqual([2, 2, 4])
  // The sums are parts of the convolutions, and what is left is the order of the answer.
  expect([blocked.Add, blocked.Relu, blocked.ReorderOutput]).toEqual([undefined, undefined, 1])
})

test.each(['Add(z, b)', 'Add(b, z)'])('on either side: %s', async (sum) => {
  const { before, after, ops } = await rewriteWith(padInBlocks, model(`${stage(sum)} y = Add(t, z)`))
  expect(ops).not.toContain('Pad')
  await expectEqualModels(before, after)
})

const IN_PLAIN_ORDER =
  'c = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(r, v) n = Transpose<perm = [0, 1, 3, 2]>(c) b = Neg(n)'

test.each([
  ['zeros around pictures', model(`${stage('Relu(z)')} y = Relu(t)`, '0, 0, 0, 0, 0, 16, 1, 0')],
  ['a value that is added to nothing', model(`${stage('Relu(z)')} y = Relu(t)`)],
  ['a sum in plain order', model(`${stage('Add(b, z)', { convolved: IN_PLAIN_ORDER })} y = Relu(t)`)],
  [
    'broken blocks',
    model(
      `${stage('Add(b, z)', { first: 'narrow', convolved: 'b = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(r, wide)' })} y = Relu(t)`,
      '0, 0, 0, 0, 0, 24, 0, 0',
    ),
  ],
  [
    'more channels than their changes of layout are worth',
    model(`${stage('Add(b, z)')} y = Relu(t)`, '0, 0, 0, 0, 0, 64, 0, 0', { w: [64, 3, 1, 1], v: [128, 64, 3, 3] }),
  ],
])('left alone: %s', async (_, given) => {
  expect((await rewriteWith(padInBlocks, given)).report.applied).toBe(0)
})
