import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { type Tensor, tensorOf } from '../../ir/index.ts'
import { resizeBehindConv } from './resize-behind-conv.ts'

const WEIGHTS = { w: [3, 4, 1, 1], b: [3], wide: [5, 4, 1, 1], three: [3, 4, 3, 3] }

const floats = (...values: number[]) => tensorOf('float32', [values.length], Float32Array.from(values))
const integers = (...values: number[]) => tensorOf('int64', [values.length], BigInt64Array.from(values, BigInt))

const model = (body: string, constants: Record<string, Tensor> = {}) => {
  const built = modelWith(`g (float[2,4,5,6] x) => (float y) { ${body} }`, WEIGHTS)
  const given = { twice: floats(1, 1, 2, 2), ...constants }
  const initializers = new Map([...built.graph.initializers, ...Object.entries(given)])
  return { ...built, graph: { ...built.graph, initializers } }
}

test.each([
  ['bilinear', 'r = Resize<mode = "linear">(x, , twice) y = Conv(r, w, b)', ['Conv', 'Resize']],
  [
    'corners in place, by any factor',
    'r = Resize<mode = "linear", coordinate_transformation_mode = "align_corners">(x, , odd) y = Conv(r, w, b)',
    ['Conv', 'Resize'],
  ],
  ['sizes', 'r = Resize<mode = "linear">(x, , , sizes) y = Conv(r, w, b)', ['Conv', 'Resize']],
  ['sizes of two axes', 'r = Resize<mode = "linear", axes = [-2, 3]>(x, , , two) y = Conv(r, w)', ['Conv', 'Resize']],
  ['nearest, with what is behind', 'r = Resize(x, , twice) c = Conv(r, w, b) y = Relu(c)', ['Conv', 'Relu', 'Resize']],
  [
    'bilinear, an activation behind',
    'r = Resize<mode = "linear">(x, , twice) c = Conv(r, w) y = Relu(c)',
    ['Conv', 'Resize', 'Relu'],
  ],
  ['a function alone', 'a = Abs(x) r = Resize(a, , twice) y = Clip(r, , top)', ['Abs', 'Clip', 'Resize']],
] as const)('%s', async (_, body, expected) => {
  const constants = { odd: floats(1, 1, 1.4, 3), sizes: integers(2, 4, 9, 6), two: integers(9, 7) }
  const top = tensorOf('float32', [], [1.5])
  const { before, after, ops } = await rewriteWith(resizeBehindConv, model(body, { ...constants, top }))
  expect(ops).toEqual(expected)
  await expectEqualModels(before, after)
})

test.each([
  ['more channels behind', 'r = Resize(x, , twice) y = Conv(r, wide)'],
  ['a larger window', 'r = Resize(x, , twice) y = Conv(r, three)'],
  ['a smaller picture', 'r = Resize<mode = "linear">(x, , half) y = Conv(r, w)'],
  ['smaller one way', 'r = Resize<mode = "linear">(x, , both) y = Conv(r, w)'],
  ['cubic', 'r = Resize<mode = "cubic">(x, , twice) y = Conv(r, w)'],
  ['scales that are computed', 's = Abs(twice) r = Resize(x, , s) y = Conv(r, w)'],
  ['a proportion that is kept', 'r = Resize<keep_aspect_ratio_policy = "not_larger">(x, , , sizes) y = Conv(r, w)'],
  ['a function of what is mixed', 'r = Resize<mode = "linear">(x, , twice) y = Relu(r)'],
] as const)('left alone: %s', async (_, body) => {
  const constants = { half: floats(1, 1, 0.5, 0.5), both: floats(1, 1, 0.5, 4), sizes: integers(2, 4, 9, 9) }
  const { report } = await rewriteWith(resizeBehindConv, model(body, constants))
  expect(report).toMatchObject({ applied: 0, refused: [] })
})

test.each([
  ['read elsewhere', 'r = Resize(x, , twice) c = Conv(r, w) d = Conv(r, w, b) y = Add(c, d)', /read elsewhere/],
  ['weights that are computed', 'v = Abs(w) r = Resize(x, , twice) y = Conv(r, v)', /not constant/],
] as const)('refused: %s', async (_, body, reason) => {
  const { report, reasons } = await rewriteWith(resizeBehindConv, model(body))
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})
