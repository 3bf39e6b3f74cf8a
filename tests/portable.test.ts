import { describe, expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import {
  type Feeds,
  openIsolated,
  ortNode,
  productsSaturate,
  reference,
  referenceWith,
  type TensorValue,
} from '../src/engine/index.ts'
import { type Model, operatorName, parseModel, type Tensor, tensorOf } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { passes, productSafety } from '../src/passes/index.ts'
import { noCache, quantize } from '../src/recipe/index.ts'
import { optimize } from '../src/search/index.ts'
import { decibels, modelWith, numbers, optimizedBy, randomValue, rangesOf, runHere, runOnce } from './quantize-kit.ts'

/** Weights as trained layers have them at worst: neighbours of one sign, some of them at the end of the range. */
function leaning(dims: readonly number[], seed: number, name: string): Tensor {
  const next = numbers(seed)
  const count = dims.reduce((product, dim) => product * dim, 1)
  return tensorOf(
    'float32',
    dims,
    Float32Array.from({ length: count }, (_, i) => (next() * 0.1 + 0.9) * (Math.floor(i / 7) % 5 === 0 ? -0.1 : 0.1)),
    name,
  )
}

function model(text: string, weights: Readonly<Record<string, readonly number[]>>): Model {
  const base = modelWith(text, weights)
  const initializers = new Map(base.graph.initializers)
  for (const [i, [name, dims]] of Object.entries(weights).entries()) initializers.set(name, leaning(dims, i + 3, name))
  return { ...base, graph: { ...base.graph, initializers } }
}

const positive = (dims: readonly number[], seed: number): TensorValue => {
  const value = randomValue(dims, seed)
  return { ...value, data: (value.data as Float32Array).map((x) => 1.5 + x) }
}

const without = referenceWith({ saturate16: true })

async function answers(of: Model, feeds: Feeds) {
  // What runs is what the runtime makes of Quantize and Dequantize nodes: integer operators.
  const integers = await optimizedBy(of, 'extended')
  const run = async (engine: typeof reference) => (await (await engine.open(integers)).run(feeds)).y!
  return { integers, vnni: await run(reference), older: await run(without), runtime: (await runHere(of, feeds)).y! }
}

const cases = {
  Conv: {
    graph: 'g (float[1,12,9,9] x) => (float y) { a = Conv<pads = [1,1,1,1]>(x, w, b) y = Relu(a) }',
    weights: { w: [16, 12, 3, 3], b: [16] },
    input: [1, 12, 9, 9],
    kernel: 'QLinearConv',
  },
  'Conv of odd channels': {
    graph: 'g (float[1,3,9,9] x) => (float y) { y = Conv<strides = [2,2]>(x, w) }',
    weights: { w: [16, 3, 3, 3] },
    input: [1, 3, 9, 9],
    kernel: 'QLinearConv',
  },
  MatMul: {
    graph: 'g (float[5,65] x) => (float y) { y = MatMul(x, w) }',
    weights: { w: [65, 32] },
    input: [5, 65],
    kernel: 'com.microsoft.MatMulIntegerToFloat',
  },
  'batched MatMul': {
    graph: 'g (float[3,5,64] x) => (float y) { y = MatMul(x, w) }',
    weights: { w: [3, 64, 32] },
    input: [3, 5, 64],
    kernel: 'com.microsoft.MatMulIntegerToFloat',
  },
  Gemm: {
    graph: 'g (float[5,64] x) => (float y) { y = Gemm<transB = 1>(x, w, b) }',
    weights: { w: [64, 64], b: [64] },
    input: [5, 64],
    kernel: 'com.microsoft.QGemm',
  },
}

describe('on a processor without VNNI', () => {
  for (const [name, { graph, weights, input, kernel }] of Object.entries(cases))
    test(`${name}: the naive model falls, the portable one answers the same, code for code`, async () => {
      const base = model(graph, weights)
      const feeds = { x: positive(input, 5) }
      const ranges = await rangesOf(base, feeds)
      const make = async (target: 'native' | 'portable') =>
        (await passes.quantizeStaticInt8!.run(base, { target, placement: 'all' } as never, [{ report: ranges }])).model
      const [naive, portable] = [await make('native'), await make('portable')]
      const truth = (await runOnce(base, feeds)).y!

      const ofNaive = await answers(naive, feeds)
      expect(ofNaive.integers.graph.nodes.map(operatorName)).toContain(kernel)
      // One of the emulations is the runtime's own answer here, so what saturation takes is that alone.
      const saturates = await productsSaturate(ortNode.name, openIsolated)
      expect(decibels(ofNaive.runtime, saturates ? ofNaive.older : ofNaive.vnni)).toBeGreaterThan(45)
      expect(decibels(truth, ofNaive.vnni)).toBeGreaterThan(30)
      expect(decibels(truth, ofNaive.older)).toBeLessThan(22)
      expect(productSafety(naive).some(({ unsafe }) => unsafe.length > 0)).toBe(true)

      const ofPortable = await answers(portable, feeds)
      expect(ofPortable.older.data).toEqual(ofPortable.vnni.data)
      expect(decibels(truth, ofPortable.older)).toBeGreaterThan(30)
      const [proof] = productSafety(portable)
      expect(proof).toMatchObject({ unsafe: [], channels: proof!.channels })
      expect(proof!.worstPair).toBeLessThanOrEqual(128)
      // The proof reads the codes the same way in the operators that the runtime writes.
      expect(productSafety(ofPortable.integers)[0]).toMatchObject({ unsafe: [], worstPair: proof!.worstPair })
    })

  test('depthwise kernels add in 32 bits, and keep their whole range', async () => {
    const base = model('g (float[1,16,9,9] x) => (float y) { y = Conv<group = 16>(x, w) }', { w: [16, 1, 3, 3] })
    const feeds = { x: positive([1, 16, 9, 9], 5) }
    const options = { target: 'portable', placement: 'all' } as never
    const { model: portable } = await passes.quantizeStaticInt8!.run(base, options, [
      { report: await rangesOf(base, feeds) },
    ])
    const { older, vnni } = await answers(portable, feeds)
    expect(older.data).toEqual(vnni.data)
    expect(productSafety(portable)).toMatchObject([{ form: 'exact', reduced: [] }])
  })

  test('only channels that need it give up range, and the report names them', async () => {
    const base = modelWith('g (float[5,64] x) => (float y) { y = MatMul(x, w) }', { w: [64, 64] })
    const weights = Float32Array.from({ length: 64 * 64 }, (_, i) => {
      const [row, column] = [Math.floor(i / 64), i % 64]
      // Even columns alternate between large and small rows; odd ones hold equal neighbours.
      return column % 2 === 0 ? (row % 2 === 0 ? 0.1 : -0.01) * (1 + (row % 5)) : 0.1
    })
    const initializers = new Map([['w', tensorOf('float32', [64, 64], weights, 'w')]])
    const { report } = await quantize(
      { ...base, graph: { ...base.graph, initializers } },
      { scheme: 'dynamic-int8', target: 'portable' },
    )
    const odd = Array.from({ length: 32 }, (_, i) => 2 * i + 1)
    expect(report.portable).toMatchObject({
      proven: true,
      products: [
        { operator: 'MatMulInteger', form: 'reduced', channels: 64, worstPair: 128, reduced: odd, unsafe: [] },
      ],
    })
    expect(report.portable!.sentence).toContain('32 of 64 channels at full range, 32 reduced')
  })

  test('products of blocks that round what they read are products in integers, which never saturate', async () => {
    const base = modelWith('g (float[5,64] x) => (float y) { y = MatMul(x, w) }', { w: [64, 64] })
    const blocks = { target: 'portable', accuracyLevel: 4 } as const
    const { report } = await quantize(base, { ...blocks, scheme: 'weight-int4' })
    expect(report.portable).toMatchObject({ proven: true, products: [{ operator: 'MatMulNBits', worstPair: 30 }] })
    const eight = await quantize(base, { ...blocks, scheme: 'weight-int8' })
    expect(eight.report.portable).toMatchObject({
      proven: true,
      products: [{ form: 'exact', channels: 64, unsafe: [] }],
    })
    const { model: native } = await quantize(base, { scheme: 'weight-int8', accuracyLevel: 4 })
    expect(encodeModel(eight.model)).toEqual(encodeModel(native))
    expect(
      (await quantize(base, { ...blocks, accuracyLevel: 0, scheme: 'weight-int8' })).report.portable!.products,
    ).toEqual([])
  })

  test('the dynamic scheme: naive falls, portable does not', async () => {
    const base = model('g (float[4,64] x) => (float y) { y = MatMul(x, w) }', { w: [64, 64] })
    const feeds = { x: positive([4, 64], 5) }
    const truth = (await runOnce(base, feeds)).y!
    for (const target of ['native', 'portable'] as const) {
      const { model: made } = await passes.quantizeDynamicInt8!.run(base, { target } as never, [])
      const { older, vnni } = await answers(made, feeds)
      expect(decibels(truth, vnni)).toBeGreaterThan(30)
      if (target === 'portable') expect(older.data).toEqual(vnni.data)
      else expect(decibels(truth, older)).toBeLessThan(22)
    }
  })
})

/** What the proof says of the products of a graph of codes. */
const verdicts = (body: string) =>
  productSafety(
    parseModel(`<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
      g (float[1,2] x, uint8[2,2] u, int8[2,2] s, float one) => (y)
      <int8[2,1] w = {127, 127}, int8[1,2] t = {127, 127}, int8[1,2,1,1] k = {127, 127}, uint8 zu = {0}, int8 zs = {0}> { ${body} }`),
  ).map(({ form, unsafe }) => [form, unsafe.length])

describe('the proof sees every product of codes', () => {
  test('of two activations: unsigned codes on the right, or signed ones on the left, are added in 32 bits', () => {
    expect(verdicts('y = QLinearMatMul(u, one, zu, u, one, zu, one, zu)')).toEqual([['unsigned', 0]])
    expect(verdicts('y = QLinearMatMul(s, one, zs, s, one, zs, one, zs)')).toEqual([['unsigned', 0]])
    expect(verdicts('y = MatMulInteger(u, s)')).toEqual([['full', 1]])
  })

  test('behind what only moves values, which the runtime looks past', () => {
    const left = 'q = QuantizeLinear(x, one, zu) d = DequantizeLinear(q, one, zu)'
    const right = 'f = DequantizeLinear(w, one, zs)'
    expect(verdicts(`${left} ${right} m = Transpose(d) n = Transpose(m) y = MatMul(n, f)`)).toEqual([['full', 1]])
    expect(verdicts(`${left} r = DequantizeLinear(t, one, zs) f = Transpose(r) y = MatMul(d, f)`)).toEqual([
      ['full', 1],
    ])
    // Neither side alone makes an integer product.
    expect(verdicts(`${right} y = MatMul(x, f)`)).toEqual([])
  })

  test('of convolutions on channels that lie last', () => {
    const conv = 'y = com.microsoft.QLinearConv<channels_last = 1>(p, one, zu, k, one, zs, one, zu)'
    expect(verdicts(`c = Constant<value = int64[4] {1, 1, 2, 2}>() p = Reshape(u, c) ${conv}`)).toEqual([['full', 1]])
  })

  test('a portable attention names its products of activations, too', async () => {
    const base = modelWith(
      `g (float[1,8,64] x) => (float y) { q = MatMul(x, w) k = MatMul(x, v) t = Transpose<perm = [0, 2, 1]>(k) y = MatMul(q, t) }`,
      { w: [64, 64], v: [64, 64] },
    )
    const report = await rangesOf(base, { x: positive([1, 8, 64], 5) })
    const options = { target: 'portable', placement: 'everywhere' } as never
    const { model: portable } = await passes.quantizeStaticInt8!.run(base, options, [{ report }])
    expect(productSafety(portable).map(({ channels, unsafe }) => [channels, unsafe.length])).toEqual([
      [64, 0],
      [64, 0],
      [0, 0],
    ])
  })
})

/** A product of codes as another tool wrote them, whose neighbours leave 16 bits. */
const saturating = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
  g (float[N,4] x) => (float[N,2] y)
  <int8[4,2] w = {127, 9, 127, -9, 127, 9, 127, 9}, float s = {0.01}, uint8 z = {0}, int8 zs = {0}>
  { q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) f = DequantizeLinear(w, s, zs) m = MatMul(d, f)
    a = Identity(m) y = Neg(a) }`)

describe('a file that came with codes that may saturate', () => {
  test('gets new ones', async () => {
    const data = await memoryDataset({ x: positive([60, 4], 3) })
    for (const scheme of ['static-int8', 'dynamic-int8', 'weight-int8'] as const) {
      const { model: made, report } = await quantize(saturating, { scheme, target: 'portable', data, cache: noCache })
      expect(report.portable).toMatchObject({ proven: true })
      expect(productSafety(made).flatMap(({ unsafe }) => unsafe)).toEqual([])
      expect(report.warnings.join()).toMatch(/came in integers that are not portable.*undone first/)
      expect(report.warnings.join()).not.toMatch(/use it as it is/)
    }
    const { report } = await quantize(saturating, { scheme: 'static-int8', data, cache: noCache })
    expect(report.warnings.join()).toMatch(/integer already/)
  })

  test('or is refused where nothing can choose them anew', async () => {
    const attention = parseModel(`<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
      g (uint8[1,4,2] x) => (float y)
      <int8[2,6] w = {127, 9, 127, 9, 127, 9, 127, 9, 127, 9, 127, 9}, float[6] b = {0, 0, 0, 0, 0, 0},
       float s = {0.01}, uint8 xz = {0}, int8 wz = {0}, float[2,3] v = {1, 2, 3, 4, 5, 6}>
      { a = com.microsoft.QAttention<num_heads = 1>(x, w, b, s, s, , xz, wz) y = MatMul(a, v) }`)
    const again = quantize(attention, { scheme: 'weight-int8', target: 'portable' })
    await expect(again).rejects.toMatchObject({ code: 'unsupported', message: expect.stringMatching(/^NOT portable/) })
  })
})

test('what the runtime does not take is proven as well', async () => {
  const unknown = modelWith('g (float[5,64] x) => (float y) { a = MatMul(x, w) y = mine.Thing(a) }', { w: [64, 64] })
  const model = { ...unknown, opsets: new Map([...unknown.opsets, ['mine', 1]]) }
  const { report } = await quantize(model, { scheme: 'dynamic-int8', target: 'portable' })
  expect(report).toMatchObject({ kernels: null, portable: { proven: true, products: [{ operator: 'MatMulInteger' }] } })
})

test('a search hands out what is proven portable, and says so where the file as it came is not', async () => {
  const x = positive([60, 4], 3)
  const options = { target: 'portable', time: 8, cache: noCache } as const
  const { report, model: chosen, candidates } = await optimize(saturating, await memoryDataset({ x }), options)
  expect(report.portable?.proven).toBe(report.chosen.id !== 'original')
  expect(productSafety(chosen).some(({ unsafe }) => unsafe.length > 0)).toBe(!report.portable?.proven)
  expect(report.warnings.some((text) => text.includes('handed out, is NOT portable'))).toBe(!report.portable?.proven)
  for (const { model } of candidates) expect(productSafety(model).flatMap(({ unsafe }) => unsafe)).toEqual([])
  expect(report.warnings.join()).toMatch(/lossless was left out: NOT portable/)
})
