import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, opsOf } from '../../../tests/rewrite-kit.ts'
import { checkModel, type Model } from '../../ir/index.ts'
import { linesAsPictures } from './lines-as-pictures.ts'

async function lifted(model: Model) {
  const { model: after, report } = await linesAsPictures.run(model, {}, [])
  expect(checkModel(after)).toEqual(checkModel(model))
  const read = new Set([
    ...after.graph.nodes.flatMap(({ inputs }) => inputs),
    ...after.graph.outputs.map(({ name }) => name),
  ])
  const alive = {
    ...after,
    graph: { ...after.graph, nodes: after.graph.nodes.filter(({ outputs }) => read.has(outputs[0]!)) },
  }
  return { after: alive, report, ops: opsOf(alive) }
}

test('a network over lines goes over pictures of one row, and is a line again at its end', async () => {
  const model = modelWith(
    `g (float[N,6,96] x) => (float y, float z) <float[6,1] slope = {0.1, 0.2, 0.3, 0.1, 0.2, 0.3}, float half = {0.5}>
     { a = Conv<pads = [2, 1], strides = [2], dilations = [2]>(x, w, b) r = PRelu(a, slope) d = Conv<group = 6, auto_pad = "SAME_UPPER">(r, k)
       s = Add(d, a) h = Mul(half, s) p = MaxPool<kernel_shape = [3], strides = [2]>(h) q = AveragePool<kernel_shape = [3], strides = [2]>(s)
       c = Concat<axis = -2>(p, q) t = Concat<axis = 2>(c, c) u = Conv(t, v) g = Sigmoid(u) m = GlobalAveragePool(g) y = Squeeze(m) z = Transpose<perm = [0, 2, 1]>(g) }`,
    { w: [6, 6, 3], b: [6], k: [6, 1, 5], v: [4, 12, 1] },
  )
  const { after, report, ops } = await lifted(model)
  expect(report.applied).toBe(3)
  expect(ops.filter((op) => op === 'Unsqueeze')).toHaveLength(1)
  // The last ones in front of what stays over lines: the mean, and the transposed value.
  expect(ops.filter((op) => op === 'Squeeze')).toHaveLength(3)
  await expectEqualModels(model, after)
})

test('transposed convolutions go over pictures, with what they say of their size', async () => {
  const model = modelWith(
    `g (float[2,6,12] x) => (float y) {
       a = ConvTranspose<strides = [4], pads = [2, 2]>(x, w, b) r = Relu(a)
       c = ConvTranspose<strides = [3], output_padding = [2], dilations = [2], group = 2>(r, v)
       d = ConvTranspose<strides = [2], output_shape = [300]>(c, u) e = ConvTranspose<auto_pad = "SAME_UPPER", strides = [2]>(d, t)
       y = Sigmoid(e) }`,
    { w: [6, 4, 8], b: [4], v: [4, 3, 3], u: [6, 2, 4], t: [2, 1, 5] },
  )
  const { after, report, ops } = await lifted(model)
  expect(report.applied).toBe(4)
  expect(ops.filter((op) => op === 'Unsqueeze' || op === 'Squeeze')).toHaveLength(2)
  await expectEqualModels(model, after)
})

test('a value that no convolution makes is a picture where it joins one', async () => {
  const model = modelWith(
    'g (float[1,4,12] x) => (float y) { n = Neg(x) c = Conv<pads = [1, 1]>(x, w) y = Add(c, n) }',
    { w: [4, 4, 3] },
  )
  const { after, ops } = await lifted(model)
  expect(ops).toEqual(['Neg', 'Unsqueeze', 'Conv', 'Unsqueeze', 'Add', 'Squeeze'])
  await expectEqualModels(model, after)
})

test('what a Slice takes between two convolutions stays a picture, along the line and along channels', async () => {
  const model = modelWith(
    `g (float[1,4,24] x) => (float y) <int64[1] one = {1}, int64[1] two = {2}, int64[1] last = {-1}, int64[1] three = {3},
       int64[2] both = {0, 2}, int64[2] ends = {4, 11}, int64[2] axes = {1, -1}>
     { c = Conv<pads = [1, 1]>(x, w) s = Slice(c, one, last, two, two) d = Conv<pads = [1, 1]>(s, v) t = Slice(d, both, ends, axes) u = Conv(t, k) y = Slice(u, one, three, last) }`,
    { w: [4, 4, 3], v: [4, 4, 3], k: [8, 4, 1] },
  )
  const { after, ops } = await lifted(model)
  expect(ops.filter((op) => op === 'Squeeze' || op === 'Unsqueeze')).toHaveLength(2)
  await expectEqualModels(model, after)
})

test('branches go over pictures, too, with weights of their own or of the graph around them', async () => {
  const model = modelWith(
    `g (float[1,4,20] x) => (float y) <float zero = {0}> {
       s = ReduceSum<keepdims = 0>(x) fast = Greater(s, zero)
       y = If(fast) <then_branch = a () => (float[1,4,18] p) { c = Conv(x, w) p = Relu(c) },
                     else_branch = b () => (float[1,4,18] q) <float[1,4,3] k = {1, 0, 2, 1, 1, 0, 3, 0, 1, 0, 0, 2}> { d = Conv(x, w) e = Conv<pads = [1, 1]>(d, k) q = Add(d, e) }> }`,
    { w: [4, 4, 3] },
  )
  const { model: after, report } = await linesAsPictures.run(model, {}, [])
  expect(report.applied).toBe(3)
  expect(checkModel(after)).toEqual(checkModel(model))
  await expectEqualModels(model, after, { samples: 8 })
})

test('of a node that stays nothing is left behind', async () => {
  const branch = (name: string, output: string, weight: string) =>
    `${name} = ${name} () => (float[1,4,18] ${output}) { c = Conv(x, ${weight}) d${name} = Conv(x, w) ${output} = Sub(d${name}, c) }`
  // The branches' c have one name, so that no type is known of either.
  const branches = modelWith(
    `g (float[1,4,20] x) => (float y) <float zero = {0}> { s = ReduceSum<keepdims = 0>(x) fast = Greater(s, zero)
       y = If(fast) <${branch('then_branch', 'p', 'w')}, ${branch('else_branch', 'q', 'k')}> }`,
    { w: [4, 4, 3], k: [4, 4, 3] },
  )
  const vector = modelWith(
    'g (float[1,4,20] x, float[1,4,20] z, float[20] r) => (float y) { c = Conv<pads = [1, 1]>(x, w) m = Max(z, c, r) y = Add(c, z) k = Relu(m) }',
    { w: [4, 4, 3] },
  )
  for (const model of [branches, vector]) {
    const { model: after, report } = await linesAsPictures.run(model, {}, [])
    expect(report.applied).toBeGreaterThan(0)
    expect(checkModel(after)).toEqual(checkModel(model))
    await expectEqualModels(model, after)
  }
})

test.each([
  ['pictures', modelWith('g (float[1,4,9,9] x) => (float y) { y = Conv(x, w) }', { w: [4, 4, 3, 3] })],
  ['weights that are computed', modelWith('g (float[1,4,9] x, float[4,4,3] w) => (float y) { y = Conv(x, w) }', {})],
  ['a few places', modelWith('g (float[1,4,9] x) => (float y) { y = Conv(x, w) }', { w: [4, 4, 3] })],
  ['no convolution', modelWith('g (float[1,4,9] x) => (float y) { y = MaxPool<kernel_shape = [2]>(x) }', {})],
])('%s stay as they are', async (_, model) => {
  expect((await linesAsPictures.run(model, {}, [])).model).toBe(model)
})
