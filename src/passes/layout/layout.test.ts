import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { tensorOf } from '../../ir/index.ts'
import type { Pass } from '../../rewrite/index.ts'
import { fillChannelBlocks } from './fill-channel-blocks.ts'
import { groupsInBlocks } from './groups-in-blocks.ts'
import { reshapeUnitAxes } from './reshape-unit-axes.ts'
import { shiftInBlocks } from './shift-in-blocks.ts'
import { splitNearestResize } from './split-nearest-resize.ts'
import { sumBeforeNormalization } from './sum-before-normalization.ts'

const model = (body: string, weights: Record<string, readonly number[]>, outputs = 'float y') =>
  modelWith(`g (float[1,3,6,5] x) => (${outputs}) { ${body} }`, weights)

const dimsOf = (built: ReturnType<typeof model>, outputs: string) => {
  const node = built.graph.nodes.find((item) => item.outputs[0] === outputs)!
  return built.graph.initializers.get(node.inputs[1]!)!.dims
}

test('broken blocks are filled through activations, depthwise convolutions, sums and gates', async () => {
  const { before, after, report } = await rewriteWith(
    fillChannelBlocks,
    model(
      `a = Conv(x, w, b) h = HardSwish(a) d = Conv<group = 12, pads = [1, 1, 1, 1]>(h, dw, b) s = Add(h, d)
       p = GlobalAveragePool(s) q = Conv(p, squeeze, qb) r = Relu(q) g = Conv(r, expand, b) t = Sigmoid(g)
       m = Mul(s, t) y = Conv(m, v)`,
      {
        w: [12, 3, 1, 1],
        b: [12],
        dw: [12, 1, 3, 3],
        squeeze: [2, 12, 1, 1],
        qb: [2],
        expand: [12, 2, 1, 1],
        v: [5, 12, 1, 1],
      },
    ),
  )
  expect(report.applied).toBe(2)
  expect(['a', 'd', 'q', 'g', 'y'].map((name) => dimsOf(after, name))).toEqual([
    [16, 3, 1, 1],
    [16, 1, 3, 3],
    [16, 16, 1, 1],
    [16, 16, 1, 1],
    [5, 16, 1, 1],
  ])
  await expectEqualModels(before, after)
})

test('a constant a channel grows with the value beside it', async () => {
  const { before, after, report } = await rewriteWith(
    fillChannelBlocks,
    model('a = Conv(x, w) s = Mul(a, c) y = Conv(s, v)', { w: [12, 3, 1, 1], c: [1, 12, 1, 1], v: [5, 12, 1, 1] }),
  )
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after)
})

const fillJoints: Pass = { ...fillChannelBlocks, run: (given) => fillChannelBlocks.run(given, { joints: true }, []) }

const JOINED = { w: [12, 3, 1, 1], b: [12], dw: [12, 1, 3, 3], k: [24, 5, 1, 1], e: [5, 24, 1, 1], v: [5, 24, 1, 1] }

test('what is joined is filled part by part, and what is added to it in the same places', async () => {
  const { before, after, report } = await rewriteWith(
    fillJoints,
    model(
      `a = Conv(x, w, b) d = Conv<group = 12, pads = [1, 1, 1, 1]>(a, dw) j = Concat<axis = 1>(a, d) i = Conv(j, e)
       q = Conv(i, k) m = Mul(c, q) s = Add(j, m) r = Relu(s) y = Conv(r, v)`,
      { ...JOINED, c: [1, 24, 1, 1] },
    ),
  )
  expect(report.applied).toBe(2)
  expect(['a', 'd', 'i', 'q', 'y'].map((name) => dimsOf(after, name))).toEqual([
    [16, 3, 1, 1],
    [16, 1, 3, 3],
    [5, 32, 1, 1],
    [32, 5, 1, 1],
    [5, 32, 1, 1],
  ])
  await expectEqualModels(before, after)
})

/** A residual sum of a value with more channels, as BlazeFace has them. */
const widening = (from: number, to: number, act = 'Relu') =>
  model(
    `pads = Constant<value = int64[8] {0, 0, 0, 0, 0, ${to - from}, 0, 0}>()
     a = Conv(x, w, b) r = ${act}(a) d = Conv<group = ${from}, pads = [1, 1, 1, 1]>(r, dw) c = Conv(d, k) p = Pad(r, pads)
     s = Add(c, p) q = Relu(s) y = Conv(q, v)`,
    { w: [from, 3, 1, 1], b: [from], dw: [from, 1, 3, 3], k: [to, from, 1, 1], v: [5, to, 1, 1] },
  )

test('zeros that are put behind channels are those that end the block', async () => {
  const { before, after, report, ops } = await rewriteWith(fillChannelBlocks, widening(9, 12))
  expect(report.applied).toBe(2)
  expect(ops).not.toContain('Pad')
  expect(dimsOf(after, 'c')).toEqual([16, 16, 1, 1])
  await expectEqualModels(before, after)
})

test.each([
  [12, 24],
  [16, 24],
  [12, 32],
] as const)('%d and then %d channels: zeros for the blocks between them', async (from, to) => {
  const { before, after, report, ops } = await rewriteWith(fillChannelBlocks, widening(from, to))
  expect(report.applied).toBeGreaterThan(0)
  expect(ops).toContain('Pad')
  expect(dimsOf(after, 'c')).toEqual([32, 16, 1, 1])
  await expectEqualModels(before, after)
})

test('what is no zero behind an activation cannot stand for the zeros of a Pad', async () => {
  expect((await rewriteWith(fillChannelBlocks, widening(9, 12, 'Sigmoid'))).report.applied).toBe(0)
  expect((await rewriteWith(fillChannelBlocks, widening(16, 24, 'Sigmoid'))).report.applied).toBe(1)
})

test('pictures that grow and means of pictures keep whole blocks', async () => {
  const { before, after, report } = await rewriteWith(
    fillChannelBlocks,
    model(
      `scales = Constant<value = float[4] {1, 1, 2, 2}>() axes = Constant<value = int64[2] {2, 3}>()
       a = Conv(x, w) u = Resize<mode = "linear">(a, , scales) g = ReduceMean(u, axes) h = Conv(g, k) t = Sigmoid(h)
       m = Mul(u, t) y = Conv(m, v)`,
      { w: [12, 3, 1, 1], k: [12, 12, 1, 1], v: [5, 12, 1, 1] },
    ),
  )
  expect(report.applied).toBe(1)
  expect(dimsOf(after, 'y')).toEqual([5, 16, 1, 1])
  await expectEqualModels(before, after)
})

test.each([
  ['whole blocks', 'a = Conv(x, w) y = Conv(a, v)', { w: [16, 3, 1, 1], v: [5, 16, 1, 1] }],
  ['less than half a block', 'a = Conv(x, w) y = Conv(a, v)', { w: [4, 3, 1, 1], v: [5, 4, 1, 1] }],
  ['an output of the graph', 'y = Conv(x, w) z = Conv(y, v)', { w: [12, 3, 1, 1], v: [5, 12, 1, 1] }],
  [
    'a reader that mixes channels',
    'a = Conv(x, w) s = Softmax<axis = 1>(a) y = Conv(s, v)',
    { w: [12, 3, 1, 1], v: [5, 12, 1, 1] },
  ],
  [
    'other channels beside them',
    'a = Conv(x, w) k = Conv(x, one) m = Mul(a, k) y = Conv(m, v)',
    { w: [12, 3, 1, 1], one: [1, 3, 1, 1], v: [5, 12, 1, 1] },
  ],
  ['groups', 'a = Conv(x, w) y = Conv<group = 3>(a, v)', { w: [12, 3, 1, 1], v: [6, 4, 1, 1] }],
  [
    'what is joined, unless that is asked for',
    'a = Conv(x, w) b = Conv(x, w) j = Concat<axis = 1>(a, b) y = Conv(j, v)',
    { w: [12, 3, 1, 1], v: [5, 24, 1, 1] },
  ],
] as const)('not filled: %s', async (_, body, weights) => {
  expect((await rewriteWith(fillChannelBlocks, model(body, weights))).report.applied).toBe(0)
})

test.each([
  [
    'a part that stays',
    'a = Conv(x, w) j = Concat<axis = 1>(a, x) y = Conv(j, v)',
    { w: [12, 3, 1, 1], v: [5, 15, 1, 1] },
  ],
  [
    'a part of less than half a block',
    'a = Conv(x, w) b = Conv(x, s) j = Concat<axis = 1>(a, b) y = Conv(j, v)',
    { w: [12, 3, 1, 1], s: [4, 3, 1, 1], v: [5, 16, 1, 1] },
  ],
  [
    'something else reads what was joined',
    'a = Conv(x, w) b = Conv(x, w) j = Concat<axis = 1>(a, b) s = Softmax<axis = 1>(j) y = Conv(s, v)',
    { w: [12, 3, 1, 1], v: [5, 24, 1, 1] },
  ],
  [
    'joints of other parts that are added',
    `a = Conv(x, w) b = Conv(x, s) j = Concat<axis = 1>(a, b) k = Concat<axis = 1>(b, a) m = Add(j, k) y = Conv(m, v)`,
    { w: [12, 3, 1, 1], s: [9, 3, 1, 1], v: [5, 21, 1, 1] },
  ],
  [
    'pictures joined side by side',
    'a = Conv(x, w) b = Conv(x, w) j = Concat<axis = 2>(a, b) y = Conv(j, v)',
    { w: [12, 3, 1, 1], v: [5, 12, 1, 1] },
  ],
] as const)('not filled through joints: %s', async (_, body, weights) => {
  expect((await rewriteWith(fillJoints, model(body, weights))).report.applied).toBe(0)
})

test('a sum with a constant between convolutions becomes one of one tap', async () => {
  const weights = { w: [16, 3, 1, 1], c: [1], dw: [16, 1, 3, 3], k: [1, 16, 1, 1], v: [5, 16, 1, 1] }
  const { before, after, report, ops } = await rewriteWith(
    shiftInBlocks,
    model(
      `a = Conv(x, w) h = HardSwish(a) s = Add(h, c) d = Conv<group = 16, pads = [1, 1, 1, 1]>(s, dw)
       m = Mul(k, d) y = Conv(m, v)`,
      weights,
    ),
  )
  expect(report.applied).toBe(2)
  expect(ops).toEqual(['Conv', 'HardSwish', 'Conv', 'Conv', 'Conv', 'Conv'])
  await expectEqualModels(before, after)
})

test.each([
  ['broken blocks', 'a = Conv(x, w) s = Add(a, c) y = Conv(s, v)', { w: [12, 3, 1, 1], c: [1], v: [5, 12, 1, 1] }],
  ['a reader in plain order', 'a = Conv(x, w) s = Add(a, c) y = Softmax(s)', { w: [16, 3, 1, 1], c: [1] }],
  [
    'a constant a pixel',
    'a = Conv(x, w) s = Add(a, c) y = Conv(s, v)',
    { w: [16, 3, 1, 1], c: [6, 5], v: [5, 16, 1, 1] },
  ],
  [
    'the convolution is read elsewhere',
    'a = Conv(x, w) s = Add(a, c) t = Conv(s, v) u = Conv(a, v) y = Add(t, u)',
    { w: [16, 3, 1, 1], c: [1], v: [5, 16, 1, 1] },
  ],
] as const)('no tap: %s', async (_, body, weights) => {
  expect((await rewriteWith(shiftInBlocks, model(body, weights))).report.applied).toBe(0)
})

const resized = (factor: number, attributes: string) => {
  const built = model(`y = Resize<mode = "nearest"${attributes}>(x, , scales)`, {})
  const scales = tensorOf('float32', [4], Float32Array.of(1, 1, factor, factor), 'scales')
  return { ...built, graph: { ...built.graph, initializers: new Map([['scales', scales]]) } }
}

test.each([
  [4, ', coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"', 2],
  [8, '', 3],
] as const)('pictures that grow %i-fold are doubled', async (factor, attributes, steps) => {
  const { before, after, ops } = await rewriteWith(splitNearestResize, resized(factor, attributes))
  expect(ops).toEqual(new Array(steps).fill('Resize'))
  await expectEqualModels(before, after, { tolerance: 0 })
})

test.each([
  [2, ''],
  [3, ''],
  [4, ', coordinate_transformation_mode = "align_corners"'],
  [4, ', nearest_mode = "ceil"'],
] as const)('not doubled: %i-fold%s', async (factor, attributes) => {
  expect((await rewriteWith(splitNearestResize, resized(factor, attributes))).report.applied).toBe(0)
})

const residual = (body: string) =>
  modelWith(`g (float[1,8,64] x) => (float y) { ${body} }`, { w: [64, 64], b: [64], scale: [64], shift: [64] })

test('a residual sum and the normalization behind it stay two kernels in the runtime', async () => {
  const { before, after, report } = await rewriteWith(
    sumBeforeNormalization,
    residual('m = MatMul(x, w) s = Add(m, x) y = LayerNormalization<axis = -1>(s, scale, shift)'),
  )
  expect(report.applied).toBe(1)
  expect(await kernelsOf(before)).toMatchObject({ SkipLayerNormalization: 1 })
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ Sum: 1, LayerNormalization: 1 })
  expect(kernels.SkipLayerNormalization).toBeUndefined()
  await expectEqualModels(before, after)
})

test('a bias in front of a normalization stays the sum that belongs to its product', async () => {
  const { report } = await rewriteWith(
    sumBeforeNormalization,
    residual('m = MatMul(x, w) s = Add(m, b) y = LayerNormalization<axis = -1>(s, scale, shift)'),
  )
  expect(report.applied).toBe(0)
})

test('groups narrower than a block become groups of whole blocks', async () => {
  const grouped = (shape: readonly number[], group: number, more = '') =>
    modelWith(`g (float[1,${shape[1]! * group},6,5] x) => (float y) { y = Conv<group = ${group}${more}>(x, w, b) }`, {
      w: shape,
      b: [shape[0]!],
    })
  const { before, after } = await rewriteWith(groupsInBlocks, grouped([32, 4, 3, 3], 8, ', pads = [1, 1, 1, 1]'))
  expect(after.graph.initializers.get(after.graph.nodes[0]!.inputs[1]!)!.dims).toEqual([32, 16, 3, 3])
  await expectEqualModels(before, after)
  const left = [
    grouped([32, 1, 3, 3], 32),
    grouped([32, 16, 3, 3], 2),
    grouped([32, 4, 5, 5], 8),
    grouped([24, 4, 3, 3], 6),
    grouped([24, 12, 3, 3], 2),
    grouped([64, 4, 3, 3], 8),
  ]
  for (const model of left) expect((await rewriteWith(groupsInBlocks, model)).report.applied).toBe(0)
})

test('axes of size 1 change places without a copy, others do not', async () => {
  const moved = async (perm: string, input: string) => {
    const built = modelWith(`g (${input}) => (float y) { t = Transpose<perm = [${perm}]>(x) y = Sin(t) }`, {})
    const { before, after, ops } = await rewriteWith(reshapeUnitAxes, built)
    await expectEqualModels(before, after, { sizes: { N: 2, M: 3 } })
    return ops[0]
  }
  expect(await moved('1, 0, 2', 'float[1,5,4] x')).toBe('Reshape')
  expect(await moved('3, 0, 2, 1', 'float[N,1,4,1] x')).toBe('Reshape')
  expect(await moved('1, 0, 2', 'float[2,5,4] x')).toBe('Transpose')
  expect(await moved('1, 0, 2', 'float[N,5,4] x')).toBe('Transpose')
  expect(await moved('1, 2, 0', 'float[1,N,M] x')).toBe('Transpose')
})
