import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { averageInBlocks } from './average-in-blocks.ts'

const model = (body: string, weights: Record<string, readonly number[]> = {}, axes = '2, 3') =>
  modelWith(`g (float[2,16,9,8] x) => (float y) <int64[${axes.split(',').length}] a = {${axes}}> { ${body} }`, {
    w: [16, 16, 3, 3],
    d: [16, 1, 3, 3],
    v: [32, 16, 3, 3],
    k: [8, 16, 3, 3],
    ...weights,
  })

test.each([
  ['behind a convolution', 'c = Conv(x, w) y = ReduceMean(c, a)', ['Conv', 'GlobalAveragePool']],
  [
    'without the axes',
    'c = Conv(x, w) r = Relu(c) y = ReduceMean<keepdims = 0>(r, a)',
    ['Conv', 'Relu', 'GlobalAveragePool', 'Flatten'],
  ],
  [
    'behind a SiLU, which a gate reads, too',
    'c = Conv<group = 16>(x, d) g = Sigmoid(c) s = Mul(g, c) m = ReduceMean(s, a) y = Mul(s, m)',
    ['Conv', 'Sigmoid', 'Mul', 'GlobalAveragePool', 'Mul'],
  ],
  [
    'behind a sum of convolutions, or of what is joined of whole blocks',
    'c = Conv(x, w) e = Conv(x, w) j = Concat<axis = 1>(c, e) f = Conv(x, v) s = Add(j, f) y = ReduceMean(s, a)',
    ['Conv', 'Conv', 'Concat', 'Conv', 'Add', 'GlobalAveragePool'],
  ],
])('a mean over height and width becomes a pool: %s', async (_, body, wanted) => {
  for (const axes of ['2, 3', '-1, 2']) {
    const { before, after, ops } = await rewriteWith(averageInBlocks, model(body, {}, axes))
    expect(ops).toEqual(wanted)
    await expectEqualModels(before, after)
    const kernels = await kernelsOf(after)
    expect(kernels).not.toHaveProperty('ReduceMean')
  }
})

test.each([
  ['y = ReduceMax(c, a)', ['Conv', 'GlobalMaxPool']],
  ['y = ReduceMax<keepdims = 0>(c, a)', ['Conv', 'GlobalMaxPool', 'Flatten']],
])('a maximum over height and width becomes one, too: %s', async (reduce, wanted) => {
  const { before, after, ops } = await rewriteWith(averageInBlocks, model(`c = Conv(x, w) ${reduce}`))
  expect(ops).toEqual(wanted)
  await expectEqualModels(before, after)
})

test.each(['2', '3', '-1'])('a mean over one of them (%s) is a pool over lines', async (axis) => {
  const { before, after, ops } = await rewriteWith(
    averageInBlocks,
    model('c = Conv(x, w) r = Relu(c) m = ReduceMean(r, a) y = Mul(r, m)', {}, axis),
  )
  expect(ops).toEqual(['Conv', 'Relu', 'AveragePool', 'Mul'])
  await expectEqualModels(before, after)
})

test.each([
  ['one axis that is taken away', model('c = Conv(x, w) y = ReduceMean<keepdims = 0>(c, a)', {}, '3')],
  ['a maximum over one axis', model('c = Conv(x, w) y = ReduceMax(c, a)', {}, '3')],
  ['channels', model('c = Conv(x, w) y = ReduceMean(c, a)', {}, '1')],
  ['channels, too', model('c = Conv(x, w) y = ReduceMean(c, a)', {}, '1, 2, 3')],
  ['joined of broken blocks', model('c = Conv(x, k) e = Conv(x, k) j = Concat<axis = 1>(c, e) y = ReduceMean(j, a)')],
  ['beside a value in plain order', model('c = Conv(x, w) s = Add(c, x) y = ReduceMean(s, a)')],
  ['in plain order', model('y = ReduceMean(x, a)')],
  ['a product of two values', model('c = Conv(x, w) e = Conv(x, w) s = Mul(c, e) y = ReduceMean(s, a)')],
])('left alone: %s', async (_, given) => {
  expect((await rewriteWith(averageInBlocks, given)).report.applied).toBe(0)
})
