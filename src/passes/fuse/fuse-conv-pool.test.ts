import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { intsAttribute, tensorOf } from '../../ir/index.ts'
import { fuseConvPool } from './fuse-conv-pool.ts'

const WEIGHTS = { w: [6, 4, 3, 3], b: [6], one: [6, 4, 1, 1], dw: [4, 1, 1, 1], dw3: [4, 1, 3, 3], wide: [3, 4, 5, 2] }

const model = (body: string, weights: Record<string, readonly number[]> = {}, outputs = 'float y') =>
  modelWith(`g (float[2,4,13,12] x) => (${outputs}) { ${body} }`, { ...WEIGHTS, ...weights })

const HALVED = 'AveragePool<kernel_shape = [2, 2], strides = [2, 2]>'

test.each([
  ['3×3 with padding', `h = Conv<pads = [1, 1, 1, 1]>(x, w, b) y = ${HALVED}(h)`, [4, 4], [2, 2]],
  [
    'strides of its own',
    `h = Conv<group = 4, pads = [0, 1, 2, 1], strides = [2, 1]>(x, dw3) y = ${HALVED}(h)`,
    [5, 4],
    [4, 2],
  ],
  ['channel by channel', `h = Conv<group = 4, pads = [1, 1, 1, 1]>(x, dw3) y = ${HALVED}(h)`, [4, 4], [2, 2]],
  ['one tap a channel', `h = Conv<group = 4>(x, dw) y = ${HALVED}(h)`, [2, 2], [2, 2]],
  [
    'windows that overlap',
    'h = Conv<auto_pad = "VALID">(x, w, b) y = AveragePool<kernel_shape = [3, 1], strides = [2, 1]>(h)',
    [5, 3],
    [2, 1],
  ],
  [
    'other shapes',
    'h = Conv(x, wide) y = AveragePool<kernel_shape = [2, 2], strides = [2, 3], auto_pad = "VALID">(h)',
    [6, 3],
    [2, 3],
  ],
] as const)('into the weights: %s', async (_, body, kernel, strides) => {
  const { before, after, ops } = await rewriteWith(fuseConvPool, model(body))
  expect(ops).toEqual(['Conv'])
  const [conv] = after.graph.nodes
  expect(after.graph.initializers.get(conv!.inputs[1]!)!.dims.slice(2)).toEqual(kernel)
  expect(intsAttribute(conv!, 'strides', [])).toEqual(strides)
  await expectEqualModels(before, after)
})

test.each([
  ['halved', `h = Conv(x, one, b) y = ${HALVED}(h)`, ['AveragePool', 'Conv']],
  [
    'padding left out, with a ceiling',
    'h = Conv(x, one, b) y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1>(h)',
    ['AveragePool', 'Conv'],
  ],
  [
    'padding that counts, without a bias',
    'h = Conv(x, one) y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(h)',
    ['AveragePool', 'Conv'],
  ],
  [
    'the whole picture',
    'h = Conv<auto_pad = "SAME_UPPER">(x, one, b) y = GlobalAveragePool(h)',
    ['GlobalAveragePool', 'Conv'],
  ],
] as const)('in front: %s', async (_, body, expected) => {
  const { before, after, ops } = await rewriteWith(fuseConvPool, model(body))
  expect(ops).toEqual(expected)
  await expectEqualModels(before, after)
})

const reducing = (axes: readonly number[], keepdims: number) => {
  const built = model(`h = Conv(x, one, b) y = ReduceMean<keepdims = ${keepdims}>(h, axes)`)
  const constant = tensorOf('int64', [axes.length], BigInt64Array.from(axes, BigInt), 'axes')
  return { ...built, graph: { ...built.graph, initializers: new Map(built.graph.initializers).set('axes', constant) } }
}

test.each([
  [[2, 3], 1, ['GlobalAveragePool', 'Conv']],
  [[-1, -2], 0, ['GlobalAveragePool', 'Conv', 'Flatten']],
] as const)('a mean over axes %j, kept: %i', async (axes, keepdims, expected) => {
  const { before, after, ops } = await rewriteWith(fuseConvPool, reducing(axes, keepdims))
  expect(ops).toEqual(expected)
  await expectEqualModels(before, after)
})

test.each([
  [
    'more products than before',
    'h = Conv<strides = [2, 2]>(x, one) y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(h)',
  ],
  ['windows side by side', 'h = Conv(x, w) y = AveragePool<kernel_shape = [2, 2]>(h)'],
  ['many weights', 'h = Conv(x, w) y = AveragePool<kernel_shape = [4, 4], strides = [4, 4]>(h)'],
  ['an activation between', `h = Conv(x, w) r = Relu(h) y = ${HALVED}(r)`],
  ['many channels to a few', `h = Conv(x, few) y = ${HALVED}(h)`],
  ['one channel of many', 'h = Conv(x, single) y = GlobalAveragePool(h)'],
  ['a mean over a part of the picture', 'h = Conv(x, one) y = ReduceMean<keepdims = 1>(h, part)'],
] as const)('left alone: %s', async (_, body) => {
  const built = model(body, { few: [3, 4, 1, 1], single: [1, 4, 1, 1] })
  const part = tensorOf('int64', [2], BigInt64Array.of(1n, 2n), 'part')
  const initializers = new Map(built.graph.initializers).set('part', part)
  const { report } = await rewriteWith(fuseConvPool, { ...built, graph: { ...built.graph, initializers } })
  expect(report).toMatchObject({ applied: 0, refused: [] })
})

test.each([
  [
    'padding of the mean',
    'h = Conv(x, w) y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], pads = [1, 1, 0, 0]>(h)',
    /beyond/,
  ],
  ['a ceiling', 'h = Conv(x, w) y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(h)', /beyond/],
  ['gaps', `h = Conv<dilations = [2, 2]>(x, w) y = ${HALVED}(h)`, /gaps/],
  ['padding that the runtime chooses', `h = Conv<auto_pad = "SAME_UPPER">(x, w) y = ${HALVED}(h)`, /hangs on the size/],
  [
    'padding that counts, with a bias',
    'h = Conv(x, one, b) y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(h)',
    /bias/,
  ],
  [
    'places beyond the picture that may count, with a bias',
    'h = Conv(x, one, b) y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1, count_include_pad = 1>(h)',
    /bias/,
  ],
  ['read elsewhere', `h = Conv(x, w) p = ${HALVED}(h) q = GlobalAveragePool(h) y = Add(p, q)`, /read elsewhere/],
  ['weights that are computed', `v = Abs(w) h = Conv(x, v) y = ${HALVED}(h)`, /no constant floats/],
] as const)('refused: %s', async (_, body, reason) => {
  const { report, reasons } = await rewriteWith(fuseConvPool, model(body))
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})
