import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { averageByProduct } from './average-by-product.ts'
import { softmaxByChannels } from './softmax-by-channels.ts'

const averaged = (attributes: string, axes: string, shape = 'N,16,16,32', type = 'float', operator = 'ReduceMean') =>
  modelWith(
    `g (${type}[${shape}] x) => (${type} y) <int64[${axes.split(',').length}] a = {${axes}}> { y = ${operator}${attributes}(x, a) }`,
    {},
  )

test.each([
  ['of pictures', averaged('', '1')],
  ['counted from behind', averaged('', '-3')],
  ['that lose the axis', averaged('<keepdims = 0>', '1')],
  ['of sequences', averaged('', '1', 'N,32,256')],
  ['of volumes', averaged('', '1', '2,8,4,8,32')],
  ['that are sums', averaged('', '1', 'N,16,16,32', 'float', 'ReduceSum')],
])('averages over channels become a product: %s', async (_, model) => {
  const { before, after, ops } = await rewriteWith(averageByProduct, model)
  expect(ops).toEqual(['Reshape', 'MatMul', 'Reshape'])
  await expectEqualModels(before, after, { samples: 1 })
})

test.each([
  ['other axes', averaged('', '2')],
  ['several axes', averaged('', '1, 2')],
  ['few numbers', averaged('', '1', 'N,16,4,4')],
  ['a width that is not known', averaged('', '1', 'N,16,16,W')],
  ['sums of integers', averaged('', '1', '1,16,16,32', 'int64', 'ReduceSum')],
  ['half precision', averaged('', '1', '1,16,16,32', 'float16')],
  ['all axes', modelWith('g (float[1,16,16,32] x) => (float y) { y = ReduceMean(x) }', {})],
])('left alone: %s', async (_, model) => {
  expect((await rewriteWith(averageByProduct, model)).report.applied).toBe(0)
})

test('the sum of a Softmax over channels is a product as well', async () => {
  const source = 'g (float[1,16,4,256] x) => (float y) { y = Softmax<axis = 1>(x) }'
  const { after } = await rewriteWith(softmaxByChannels, modelWith(source, {}))
  const { before, ops, after: product } = await rewriteWith(averageByProduct, after)
  expect(ops).not.toContain('ReduceSum')
  await expectEqualModels(before, product)
})
