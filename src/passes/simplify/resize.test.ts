import { expect, test } from 'vitest'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { inferTypes, toNumbers } from '../../ir/index.ts'
import { eliminateIdentity } from './eliminate-identity.ts'
import { foldShapeArithmetic } from './fold-shape-arithmetic.ts'
import { halfPixels } from './half-pixels.ts'

const sized = (shape: string, sizes: string, attributes = 'mode = "linear"') =>
  `<ir_version: 8, opset_import: ["" : 18]> g (float[${shape}] x) => (float[A,B,C,D] y) { ${sizes} y = Resize<${attributes}>(x, , , s) }`
const doubled = 't = Shape<start = 0, end = 2>(x) k = Constant<value_ints = [8, 10]>() s = Concat<axis = 0>(t, k)'

test.each([
  ['a batch that is not known', 'N,3,4,5', doubled],
  ['a batch of two', '2,3,4,5', doubled],
  ['another factor for either side', '2,3,8,5', doubled],
])('sizes become factors: %s', async (_, shape, sizes) => {
  const { before, after, ops } = await rewriteWith(foldShapeArithmetic, sized(shape, sizes))
  expect(ops.at(-1)).toBe('Resize')
  const resize = after.graph.nodes.at(-1)!
  expect(resize.inputs).toHaveLength(3)
  const factors = [...toNumbers(after.graph.initializers.get(resize.inputs[2]!)!)]
  expect(factors.slice(0, 2)).toEqual([1, 1])
  expect(factors.slice(2)).toEqual([shape.includes('8') ? 1 : 2, 2])
  await expectEqualModels(before, after)
})

test.each([
  ['no whole factor', '2,3,3,5', 'mode = "linear"'],
  ['a side that is not known', 'N,3,H,5', 'mode = "linear"'],
  ['sizes of some axes', '2,3,4,5', 'mode = "linear", axes = [0, 1, 2, 3]'],
  ['sizes that a ratio changes', '2,3,4,5', 'mode = "linear", keep_aspect_ratio_policy = "not_larger"'],
])('sizes stay: %s', async (_, shape, attributes) => {
  const { after } = await rewriteWith(foldShapeArithmetic, sized(shape, doubled, attributes))
  expect(after.graph.nodes.at(-1)!.inputs).toHaveLength(4)
})

const halves = (shape: string, scales: string) =>
  `<ir_version: 8, opset_import: ["" : 18]> g (float[${shape}] x) => (float[A,B,C,D] y) <float[4] s = {${scales}}>
   { y = Resize<mode = "linear", coordinate_transformation_mode = "pytorch_half_pixel">(x, , s) }`

test.each([
  ['a picture that grows, of any size', 'N,3,H,W', '1.0, 1.0, 2.0, 3.5', { N: 2, H: 1, W: 2 }],
  ['a picture of one pixel that stays', '1,3,1,1', '1.0, 1.0, 1.0, 1.0', {}],
  ['a picture that shrinks to more than a pixel', '1,3,8,9', '1.0, 1.0, 0.5, 0.3', {}],
])('two names of the same coordinates: %s', async (_, shape, scales, sizes) => {
  const { before, after, report } = await rewriteWith(halfPixels, halves(shape, scales))
  expect(report.applied).toBe(1)
  expect(inferTypes(after)).toEqual(inferTypes(before))
  await expectEqualModels(before, after, { sizes })
})

test.each([
  ['a side of one pixel', '1,3,8,4', '1.0, 1.0, 0.5, 0.25'],
  ['a side that may shrink to one', '1,3,H,W', '1.0, 1.0, 0.5, 0.5'],
  ['a side that may grow to one', '1,3,H,W', '1.0, 1.0, 1.5, 2.0'],
])('they differ: %s', async (_, shape, scales) => {
  expect((await rewriteWith(halfPixels, halves(shape, scales))).reasons).toEqual([
    'its output may be one pixel wide or high',
  ])
})

test('a Resize that changes no size is taken away', async () => {
  const text = `<ir_version: 8, opset_import: ["" : 18]> g (float[N,3,H,W] x) => (float[A,B,C,D] y)
    <float[4] s = {1.0, 1.0, 1.0, 1.0}> { a = Neg(x) r = Resize<mode = "cubic">(a, , s) y = Relu(r) }`
  const { before, after, ops } = await rewriteWith(eliminateIdentity, text)
  expect(ops).toEqual(['Neg', 'Relu'])
  await expectEqualModels(before, after)
  const cropped = text.replace('"cubic"', '"linear", coordinate_transformation_mode = "tf_crop_and_resize"')
  expect((await rewriteWith(eliminateIdentity, cropped.replace('1.0}', '0.5}'))).report.applied).toBe(0)
})
