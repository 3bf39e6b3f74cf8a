import { expect, test } from 'vitest'
import { kernelsOf, modelWith, randomValue, runOnce } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { splitMaxPool } from './split-max-pool.ts'

const pooled = (attributes: string, outputs = 'y') =>
  modelWith(`g (float[2,3,17,14] x) => (float y) { ${outputs} = MaxPool<${attributes}>(x) }`, {})

test.each([
  ['as detectors have them', 'kernel_shape = [13, 13], pads = [6, 6, 6, 6]'],
  ['with strides', 'kernel_shape = [5, 7], strides = [2, 3], pads = [2, 0, 1, 3]'],
  ['of whole windows and the rest', 'kernel_shape = [5, 5], strides = [3, 3], ceil_mode = 1'],
  ['with gaps', 'kernel_shape = [5, 5], dilations = [3, 2]'],
  ['that keep the size by themselves', 'kernel_shape = [5, 6], auto_pad = "SAME_UPPER", strides = [1, 2]'],
])('large windows become columns, and rows of these: %s', async (_, attributes) => {
  const { before, after, ops } = await rewriteWith(splitMaxPool, pooled(attributes))
  expect(ops).toEqual(['MaxPool', 'MaxPool'])
  await expectEqualModels(before, after)
})

test('between codes the value in the middle has codes, so that both pool these', async () => {
  const text = `g (float[1,16,12,12] x) => (float y) <float q = {0.01}, uint8 z = {128}>
    { a = QuantizeLinear(x, q, z) b = DequantizeLinear(a, q, z) p = MaxPool<kernel_shape = [5, 5], pads = [2, 2, 2, 2]>(b)
      c = QuantizeLinear(p, q, z) y = DequantizeLinear(c, q, z) }`
  const { before, after, report } = await rewriteWith(splitMaxPool, modelWith(text, {}))
  expect(report.applied).toBe(1)
  expect(await kernelsOf(after)).toMatchObject({ QuantizeLinear: 1, DequantizeLinear: 1 })
  const feeds = { x: randomValue([1, 16, 12, 12], 5) }
  expect((await runOnce(after, feeds)).y).toEqual((await runOnce(before, feeds)).y)
})

test('small windows are left alone, and indices are refused', async () => {
  expect((await rewriteWith(splitMaxPool, pooled('kernel_shape = [3, 9]'))).report.applied).toBe(0)
  expect((await rewriteWith(splitMaxPool, pooled('kernel_shape = [5, 5]', 'y, i'))).reasons).toEqual([
    'it also gives indices',
  ])
})
