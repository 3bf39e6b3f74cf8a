import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { resizeByProducts } from './resize-by-products.ts'

const scaled = (attributes: string, factors: string, shape = '2,3,6,8', rest = '') =>
  modelWith(
    `g (float[${shape}] x) => (float y) <float[4] s = {${factors}}> { y = Resize<${attributes}>(x, , s) ${rest} }`,
    {},
  )

test.each([
  ['cubic', 'mode = "cubic"', '1.0, 1.0, 2.0, 2.0'],
  ['cubic, corners aligned', 'mode = "cubic", coordinate_transformation_mode = "align_corners"', '1.0, 1.0, 2.0, 3.0'],
  [
    'cubic, only pixels that are there',
    'mode = "cubic", exclude_outside = 1, cubic_coeff_a = -0.5',
    '1.0, 1.0, 2.0, 0.5',
  ],
  ['linear by factors that are not whole', 'mode = "linear"', '1.0, 1.0, 2.5, 1.3'],
  ['linear from the corner', 'mode = "linear", coordinate_transformation_mode = "asymmetric"', '1.0, 1.0, 2.5, 1.7'],
])('becomes products: %s', async (_, attributes, factors) => {
  const { before, after, ops, report } = await rewriteWith(resizeByProducts, scaled(attributes, factors))
  expect(report.applied).toBe(1)
  expect(ops).toEqual(['MatMul', 'MatMul'])
  await expectEqualModels(before, after)
})

test('sizes serve as well', async () => {
  const { before, after, ops } = await rewriteWith(
    resizeByProducts,
    modelWith(
      'g (float[2,3,6,8] x) => (float y) <int64[4] s = {2, 3, 15, 9}> { y = Resize<mode = "cubic">(x, , , s) }',
      {},
    ),
  )
  expect(ops).toEqual(['MatMul', 'MatMul'])
  await expectEqualModels(before, after)
})

test.each([
  ['repeated pixels', scaled('mode = "nearest"', '1.0, 1.0, 2.5, 2.5')],
  ['whole factors in float', scaled('mode = "linear"', '1.0, 1.0, 2.0, 2.0')],
  ['large pictures', scaled('mode = "linear"', '1.0, 1.0, 1.5, 1.5', '1,1,256,256')],
  ['a size that is not known', scaled('mode = "cubic"', '1.0, 1.0, 2.0, 2.0', '1,3,H,8')],
  [
    'channels by sizes',
    modelWith(
      'g (float[2,3,6,8] x) => (float y) <int64[4] s = {2, 6, 15, 9}> { y = Resize<mode = "cubic">(x, , , s) }',
      {},
    ),
  ],
  ['channels', scaled('mode = "cubic"', '1.0, 2.0, 2.0, 2.0')],
  ['codes in front and behind', coded('c = QuantizeLinear(r, q, z) y = DequantizeLinear(c, q, z)')],
  [
    'codes of what it is joined into',
    coded('j = Concat<axis = 1>(r, r) c = QuantizeLinear(j, q, z) y = DequantizeLinear(c, q, z)'),
  ],
])('left alone: %s', async (_, model) => {
  expect((await rewriteWith(resizeByProducts, model)).report.applied).toBe(0)
})

test('behind codes, to a float output, whole factors become products, too', async () => {
  const { before, after, report } = await rewriteWith(resizeByProducts, coded('y = Abs(r)'))
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after)
})

function coded(rest: string) {
  return modelWith(
    `g (float[1,3,6,8] x) => (float y) <float q = {0.01}, uint8 z = {128}, float[4] s = {1.0, 1.0, 4.0, 4.0}>
     { a = QuantizeLinear(x, q, z) b = DequantizeLinear(a, q, z) r = Resize<mode = "linear">(b, , s) ${rest} }`,
    {},
  )
}
