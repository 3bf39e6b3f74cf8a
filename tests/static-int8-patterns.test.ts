import { describe, expect, test } from 'vitest'
import { ortNode } from '../src/engine/index.ts'
import { checkModel, operatorName, tensorOf, tensorValues } from '../src/ir/index.ts'
import { compareKernels, passes, productSafety } from '../src/passes/index.ts'
import type { PassRun } from '../src/report/index.ts'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, rangesOf, runOnce } from './quantize-kit.ts'

interface Pattern {
  readonly graph: string
  readonly weights?: Readonly<Record<string, readonly number[]>>
  readonly input?: readonly number[]
  /** Integer kernels that must stand in the runtime's optimised graph, exactly that often. */
  readonly kernels: Readonly<Record<string, number>>
  /** Operators that must not be left in float. */
  readonly gone?: readonly string[]
  readonly minDb?: number
}

const low = tensorOf('float32', [1], [-7.5], 'c')
const image = [1, 16, 12, 12]
const conv = { w: [16, 16, 3, 3], b: [16] }
const g = (body: string, input = '1,16,12,12', output = '') => `g (float[${input}] x) => (float${output} y) { ${body} }`

/** Section 4's list, each as the runtime must see it. */
const patterns: Readonly<Record<string, Pattern>> = {
  'Conv with bias': { graph: g('y = Conv(x, w, b)'), weights: conv, kernels: { QLinearConv: 1 }, gone: ['Conv'] },
  'Conv, 1-D': {
    graph: g('y = Conv(x, w)', '1,16,40'),
    weights: { w: [16, 16, 3] },
    input: [1, 16, 40],
    kernels: { QLinearConv: 1 },
    gone: ['Conv'],
  },
  'Conv and Relu': {
    graph: g('c = Conv(x, w, b) y = Relu(c)'),
    weights: conv,
    kernels: { QLinearConv: 1 },
    gone: ['Conv', 'Relu'],
  },
  'Conv and Clip': {
    graph: g(
      'lo = Constant<value_float = 0.0>() hi = Constant<value_float = 0.5>() c = Conv(x, w, b) y = Clip(c, lo, hi)',
    ),
    weights: conv,
    kernels: { QLinearConv: 1 },
    gone: ['Conv', 'Clip'],
  },
  'LeakyRelu and Clip': {
    graph: g('lo = Constant<value_float = -0.1>() c = Conv(x, w, b) l = LeakyRelu<alpha = 0.2>(c) y = Clip(l, lo)'),
    weights: conv,
    kernels: { QLinearConv: 1, QLinearLeakyRelu: 1 },
    gone: ['Conv', 'LeakyRelu', 'Clip'],
  },
  'depthwise Conv': {
    graph: g('y = Conv<group = 16>(x, w, b)'),
    weights: { w: [16, 1, 3, 3], b: [16] },
    kernels: { QLinearConv: 1 },
    gone: ['Conv'],
  },
  'residual Add': {
    graph: g(
      'a = Conv<pads = [1,1,1,1]>(x, w, b) r = Relu(a) c = Conv<pads = [1,1,1,1]>(r, w2, b) s = Add(c, r) y = Relu(s)',
    ),
    weights: { ...conv, w2: [16, 16, 3, 3] },
    kernels: { QLinearConv: 2, QLinearAdd: 1 },
    gone: ['Conv', 'Add', 'Relu'],
  },
  'Mul of two branches': {
    graph: g('a = Conv(x, w, b) c = Conv(x, w2, b) y = Mul(a, c)'),
    weights: { ...conv, w2: [16, 16, 3, 3] },
    kernels: { QLinearConv: 2, QLinearMul: 1 },
    gone: ['Conv', 'Mul'],
  },
  'Add of a constant': {
    graph: g('a = Conv(x, w) y = Add(a, k)'),
    weights: { w: [16, 16, 3, 3], k: [1, 16, 1, 1] },
    kernels: { QLinearConv: 1, QLinearAdd: 1 },
    gone: ['Conv', 'Add'],
  },
  'Concat of different scales': {
    graph: g('a = Conv(x, w, b) c = Relu(a) d = Conv(x, w, b) y = Concat<axis = 1>(c, d)'),
    weights: conv,
    kernels: { QLinearConv: 2, QLinearConcat: 1 },
    gone: ['Conv', 'Concat'],
  },
  MaxPool: {
    graph: g('a = Conv(x, w, b) y = MaxPool<kernel_shape = [2,2], strides = [2,2]>(a)'),
    weights: conv,
    kernels: { QLinearConv: 1 },
    gone: ['Conv'],
  },
  AveragePool: {
    graph: g('a = Conv(x, w, b) y = AveragePool<kernel_shape = [2,2]>(a)'),
    weights: conv,
    kernels: { QLinearConv: 1, QLinearAveragePool: 1 },
    gone: ['AveragePool'],
  },
  'GlobalAveragePool, Flatten, Gemm': {
    graph: g('a = Conv(x, w, b) r = Relu(a) p = GlobalAveragePool(r) f = Flatten(p) y = Gemm<transB = 1>(f, w3, b3)'),
    weights: { ...conv, w3: [16, 16], b3: [16] },
    kernels: { QLinearConv: 1, QLinearGlobalAveragePool: 1, QGemm: 1 },
    gone: ['Conv', 'Gemm', 'GlobalAveragePool'],
  },
  LeakyRelu: {
    graph: g('a = Conv(x, w, b) y = LeakyRelu<alpha = 0.1>(a)'),
    weights: conv,
    kernels: { QLinearConv: 1, QLinearLeakyRelu: 1 },
    gone: ['LeakyRelu'],
  },
  Sigmoid: {
    graph: g('a = Conv(x, w, b) s = Sigmoid(a) y = Conv(s, w, b)'),
    weights: conv,
    kernels: { QLinearConv: 2, QLinearSigmoid: 1 },
    gone: ['Sigmoid'],
  },
  'Sigmoid that gives an answer': {
    graph: g('a = Conv(x, w, b) y = Sigmoid(a)'),
    weights: conv,
    kernels: { QLinearConv: 1, QLinearSigmoid: 0, Sigmoid: 1 },
  },
  Softmax: {
    graph: g('a = MatMul(x, w) s = Softmax<axis = -1>(a) y = MatMul(s, w)', '8,32'),
    weights: { w: [32, 32] },
    input: [8, 32],
    kernels: { QLinearMatMul: 2, QLinearSoftmax: 1 },
    gone: ['Softmax', 'MatMul'],
  },
  'SiLU from its pieces': {
    graph: g('a = Conv(x, w, b) s = Sigmoid(a) y = Mul(a, s)'),
    weights: conv,
    kernels: { QLinearConv: 1, QLinearSigmoid: 1, QLinearMul: 1 },
    gone: ['Conv', 'Mul', 'Sigmoid'],
  },
  HardSwish: {
    graph: g('a = Conv(x, w, b) y = HardSwish(a)'),
    weights: conv,
    kernels: { QLinearConv: 1, QLinearLeakyRelu: 1, QLinearMul: 1 },
    gone: ['Conv', 'HardSigmoid', 'Mul'],
  },
  HardSigmoid: {
    graph: g('a = Conv(x, w, b) h = HardSigmoid<alpha = 0.2, beta = 0.5>(a) y = Conv(h, w, b)'),
    weights: conv,
    kernels: { QLinearConv: 2, QLinearLeakyRelu: 1 },
    gone: ['Conv', 'HardSigmoid'],
  },
  Tanh: {
    graph: g('a = Conv(x, w, b) h = Tanh(a) y = Conv(h, w, b)'),
    weights: conv,
    kernels: { QLinearConv: 2, QLinearSigmoid: 1 },
    gone: ['Conv', 'Tanh', 'Sigmoid'],
  },
  'Relu that others read around': {
    graph: g('a = Conv<pads = [1,1,1,1]>(x, w, b) r = Relu(a) y = Add(a, r)'),
    weights: conv,
    kernels: { QLinearConv: 1, QLinearLeakyRelu: 1, QLinearAdd: 1 },
    gone: ['Conv', 'Relu', 'Add'],
  },
  'MatMul, 2-D': {
    graph: g('y = MatMul(x, w)', '8,32'),
    weights: { w: [32, 32] },
    input: [8, 32],
    kernels: { MatMulIntegerToFloat: 1 },
    gone: ['MatMul'],
  },
  'MatMul and bias, 2-D': {
    graph: g('a = MatMul(x, w) y = Add(a, b)', '8,32'),
    weights: { w: [32, 32], b: [32] },
    input: [8, 32],
    kernels: { QGemm: 1 },
    gone: ['MatMul', 'Gemm', 'Add'],
  },
  'MatMul and bias, 3-D': {
    graph: g('a = MatMul(x, w) y = Add(b, a)', '2,8,32'),
    weights: { w: [32, 32], b: [32] },
    input: [2, 8, 32],
    kernels: { QGemm: 1 },
    gone: ['MatMul', 'Gemm'],
  },
  'two MatMuls with bias': {
    graph: g('a = MatMul(x, w) c = Add(a, b) r = Relu(c) d = MatMul(r, w2) y = Add(d, b)', '8,32'),
    weights: { w: [32, 32], b: [32], w2: [32, 32] },
    input: [8, 32],
    kernels: { QGemm: 2 },
    gone: ['MatMul', 'Gemm', 'Add', 'Relu'],
  },
  'MatMul of two activations': {
    graph: g('a = MatMul(x, w) t = Transpose<perm = [1,0]>(a) c = MatMul(a, t) y = MatMul(c, a)', '32,32'),
    weights: { w: [32, 32] },
    input: [32, 32],
    kernels: { QLinearMatMul: 2, MatMulIntegerToFloat: 1 },
    gone: ['MatMul'],
  },
  'Gemm with alpha and beta': {
    graph: g('y = Gemm<alpha = 0.5, beta = 2.0>(x, w, b)', '8,32'),
    weights: { w: [32, 32], b: [32] },
    input: [8, 32],
    kernels: { QGemm: 1 },
    gone: ['Gemm'],
  },
  'shapes change between products': {
    graph: g(
      'a = Conv(x, w, b) t = Transpose<perm = [0,2,3,1]>(a) s = Constant<value_ints = [100,16]>() r = Reshape(t, s) y = MatMul(r, w3)',
    ),
    weights: { ...conv, w3: [16, 32] },
    kernels: { QLinearConv: 1, MatMulIntegerToFloat: 1 },
    gone: ['Conv', 'MatMul'],
  },
  Slice: {
    graph: g(
      'a = Conv(x, w, b) i = Constant<value_ints = [0]>() j = Constant<value_ints = [8]>() k = Constant<value_ints = [1]>() s = Slice(a, i, j, k) y = Conv(s, w2)',
    ),
    weights: { ...conv, w2: [16, 8, 1, 1] },
    kernels: { QLinearConv: 2 },
    gone: ['Conv'],
  },
  'Squeeze and Unsqueeze': {
    graph: g(
      'a = MatMul(x, w) i = Constant<value_ints = [0]>() u = Unsqueeze(a, i) s = Squeeze(u, i) y = MatMul(s, w)',
      '8,32',
    ),
    weights: { w: [32, 32] },
    input: [8, 32],
    kernels: { QLinearMatMul: 1, MatMulIntegerToFloat: 1 },
    gone: ['MatMul'],
  },
  Split: {
    graph: g('a = Conv(x, w, b) p, q = Split<axis = 1, num_outputs = 2>(a) y = Add(p, q)'),
    weights: conv,
    kernels: { QLinearConv: 1, QLinearAdd: 1 },
    gone: ['Conv', 'Add'],
  },
  'Resize, nearest': {
    graph: g(
      `k = Constant<value_floats = [1.0,1.0,2.0,2.0]>() a = Conv(x, w, b) u = Resize<mode = "nearest", nearest_mode = "floor", coordinate_transformation_mode = "asymmetric">(a, , k) y = Conv(u, w, b)`,
    ),
    weights: conv,
    kernels: { QLinearConv: 2 },
    gone: ['Conv'],
  },
}

const everywhere = { placement: 'everywhere' }

async function quantized(pattern: Pattern, options: Readonly<Record<string, unknown>> = everywhere) {
  const before = modelWith(pattern.graph, pattern.weights ?? {})
  const feeds = { x: randomValue(pattern.input ?? image, 3, 2) }
  const evidence = [{ report: await rangesOf(before, feeds) }]
  const pass = passes.quantizeStaticInt8!
  const { model, report } = await pass.run(before, options as never, evidence)
  return { before, model, report: report as PassRun, feeds, evidence }
}

describe('every pattern becomes the kernels that were planned', () => {
  for (const [name, pattern] of Object.entries(patterns)) {
    test(name, async () => {
      const { before, model, report, feeds } = await quantized(pattern)
      expect(checkModel(model)).toEqual([])
      const counts = await kernelsOf(model)
      expect(compareKernels(report.planned!, counts)).toEqual([])
      // The runtime picks among the integer products; what counts is that none is left in float.
      const products = (all: Readonly<Record<string, number>>) =>
        ['QGemm', 'QLinearMatMul', 'MatMulIntegerToFloat'].reduce((sum, kernel) => sum + (all[kernel] ?? 0), 0)
      expect(products(counts)).toBe(products(pattern.kernels))
      for (const [kernel, count] of Object.entries(pattern.kernels))
        if (products({ [kernel]: 1 }) === 0) expect([kernel, counts[kernel] ?? 0]).toEqual([kernel, count])
      for (const operator of pattern.gone ?? []) expect([operator, counts[operator] ?? 0]).toEqual([operator, 0])
      const truth = await runOnce(before, feeds)
      const fused = await runOnce(model, feeds)
      const plain = await runOnce(model, feeds, 'disabled')
      expect(decibels(truth.y!, fused.y!)).toBeGreaterThan(pattern.minDb ?? 27)
      // Without optimisation every node runs as written: both must say the same up to a step of the codes.
      expect(decibels(plain.y!, fused.y!)).toBeGreaterThan(35)
    })
  }
})

test('a weight axis is never mistaken, where shapes are square and nothing would tell', async () => {
  // Columns of very different sizes: scales on the wrong axis would lose the small ones entirely.
  for (const graph of [
    g('y = MatMul(x, w)', '8,32'),
    g('y = Gemm(x, w)', '8,32'),
    g('y = Gemm<transB = 1>(x, w)', '8,32'),
  ]) {
    const model = modelWith(graph, { w: [32, 32] })
    const transposed = graph.includes('transB')
    const weights = new Float32Array(32 * 32)
    for (let i = 0; i < weights.length; i++)
      weights[i] = Math.sin(i) * 10 ** -((transposed ? Math.floor(i / 32) : i % 32) % 4)
    const bytes = new Uint8Array(weights.buffer)
    const tensor = {
      ...model.graph.initializers.get('w')!,
      data: { form: 'raw' as const, bytes: { byteLength: bytes.length, read: () => bytes } },
    }
    const before = { ...model, graph: { ...model.graph, initializers: new Map([['w', tensor]]) } }
    const feeds = { x: randomValue([8, 32], 5) }
    const { model: after } = await inIntegers(before, feeds)
    const [truth, result] = [await runOnce(before, feeds), await runOnce(after, feeds)]
    for (let column = 0; column < 32; column++) {
      const pick = (data: ArrayLike<number>) => ({
        dtype: 'float32' as const,
        dims: [8],
        data: Float32Array.from({ length: 8 }, (_, row) => data[row * 32 + column]!),
      })
      expect(decibels(pick(truth.y!.data as Float32Array), pick(result.y!.data as Float32Array))).toBeGreaterThan(25)
    }
  }
})

test('small probabilities stay told apart', async () => {
  // Whoever stores [0, 1] in 256 steps has nothing left of one in a thousand.
  const model = modelWith('g (float[64,16] x) => (float y) { a = MatMul(x, w) b = Add(a, c) y = Sigmoid(b) }', {
    w: [16, 1],
  })
  const before = {
    ...model,
    graph: { ...model.graph, initializers: new Map([...model.graph.initializers, ['c', low]]) },
  }
  const x = randomValue([64, 16], 3)
  // The first row is the one that there is something in.
  const w = before.graph.initializers.get('w')!
  ;(x.data as Float32Array).set((tensorValues(w) as Float32Array).map((value) => 9 * Math.sign(value)))
  const feeds = { x }
  const { model: after } = await inIntegers(before, feeds)
  const [truth, coded] = [(await runOnce(before, feeds)).y!, (await runOnce(after, feeds)).y!]
  expect((truth.data as Float32Array)[0]).toBeGreaterThan(0.9)
  const others = ({ dtype, data }: typeof truth) => ({ dtype, dims: [63], data: (data as Float32Array).subarray(1) })
  expect(Math.max(...others(truth).data)).toBeLessThan(0.01)
  expect(decibels(others(truth), others(coded))).toBeGreaterThan(10)
})

test('portable weights cannot saturate, and still fuse', async () => {
  const { model, before, feeds } = await quantized(patterns['Conv and Relu']!, { ...everywhere, target: 'portable' })
  const products = productSafety(model)
  expect(products.length).toBeGreaterThan(0)
  for (const { unsafe, worstPair } of products) {
    expect(unsafe).toEqual([])
    expect(worstPair).toBeLessThanOrEqual(128)
  }
  expect(decibels((await runOnce(before, feeds)).y!, (await runOnce(model, feeds)).y!)).toBeGreaterThan(27)
})

test('a node kept in float stays one, also where the runtime would quantize it by itself', async () => {
  const pattern = {
    graph:
      'g (float[1,16,12,12] x) => (float y) { a = Conv(x, w, b) d = Conv<group = 16>(a, w2, b) e = Relu(d) y = Conv(e, w, b) }',
    weights: { ...conv, w2: [16, 1, 3, 3] },
    kernels: {},
  }
  const { model, report } = await quantized(pattern, { placement: 'everywhere', depthwise: 'float' })
  expect(report.planned).toEqual({ QLinearConv: 2 })
  expect(report.refused.map(({ reason }) => reason)).toContain('depthwise convolutions stay in float as asked')
  const read = await ortNode.kernels(model)
  expect(read).toMatchObject({ counts: { QLinearConv: 2, Conv: 1 } })
  const named = await quantized(pattern, { placement: 'everywhere', keepFloat: ['d'] })
  expect(named.report.planned).toEqual({ QLinearConv: 2 })
})

test('without ranges, with old operator sets, with odd weights: left alone, with the reason', async () => {
  const model = modelWith(patterns['Conv with bias']!.graph, conv)
  const none = await passes.quantizeStaticInt8!.run(model, everywhere as never, [])
  expect(none.model).toBe(model)
  expect(none.report.refused).toEqual([{ node: 'y', reason: 'no calibrated range for its input x' }])
  const old = { ...model, opsets: new Map([['', 11]]) }
  const refused = await passes.quantizeStaticInt8!.run(old, everywhere as never, [])
  expect(refused.model).toBe(old)
  expect(refused.report.refused[0]!.reason).toContain('operator set 11')
})

test('the same model, options and ranges give the same model', async () => {
  const { before, evidence, model } = await quantized(patterns['residual Add']!)
  const again = await passes.quantizeStaticInt8!.run(before, everywhere as never, evidence)
  expect(again.model.graph.nodes.map((node) => [operatorName(node), node.inputs, node.outputs])).toEqual(
    model.graph.nodes.map((node) => [operatorName(node), node.inputs, node.outputs]),
  )
  expect([...again.model.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()])
})

test('arithmetic on shapes is no float work: it is not among the nodes that are told to stay in float', async () => {
  const { report } = await quantized({
    graph: g(
      'a = Conv(x, w, b) s = Shape(a) i = Constant<value_ints = [0]>() j = Constant<value_ints = [1]>() n = Slice(s, i, j, i) rest = Constant<value_ints = [-1]>() t = Concat<axis = 0>(n, rest) r = Reshape(a, t) e = Erf(r) y = MatMul(e, v)',
    ),
    weights: { ...conv, v: [1600, 8] },
    kernels: {},
  })
  const named = report.refused.map(({ node }) => node)
  expect(named).toContain('e')
  for (const node of ['s', 'n', 't']) expect(named).not.toContain(node)
})

test('coordinates that a head computes in float64 stay as they are: codes are made of float32 alone', async () => {
  const { model, report, before, feeds } = await quantized({
    graph: g('c = Conv(x, w, b) d = Cast<to = 11>(c) e = Concat<axis = 1>(d, d) f = Add(e, e) y = Cast<to = 1>(f)'),
    weights: conv,
    kernels: {},
  })
  expect(report.planned).toEqual({ QLinearConv: 1 })
  expect(report.refused.map(({ reason }) => reason)).toContain('its value d is float64, and codes are made of float32')
  expect(decibels((await runOnce(before, feeds)).y!, (await runOnce(model, feeds)).y!)).toBeGreaterThan(27)
})

test('four branches that are added up become integers', async () => {
  const branches = 'p = Conv(x, a) q = Conv(x, b) r = Conv(x, c) s = Conv(x, d)'
  const weights = { a: [8, 8, 1, 1], b: [8, 8, 1, 1], c: [8, 8, 1, 1], d: [8, 8, 1, 1] }
  const model = modelWith(
    `g (float[1,8,6,6] x) => (float y) { ${branches} m = Sum(p, q, r, s) y = Conv(m, a) }`,
    weights,
  )
  const integers = async (of: typeof model) => {
    return kernelsOf((await inIntegers(of, { x: randomValue([1, 8, 6, 6], 3) })).model)
  }
  expect(await integers(model)).toMatchObject({ Sum: 1 })
  const kernels = await integers((await passes.recogniseAdd!.run(model, {} as never, [])).model)
  expect(kernels).toMatchObject({ QLinearAdd: 3, QLinearConv: 5 })
  expect(kernels).not.toHaveProperty('Sum')
})

test('means that differ too little for a sum of codes to tell are taken in float, where the kernel would throw', async () => {
  const body =
    'm = InstanceNormalization(x, one, zero) p = GlobalAveragePool(m) c = Conv(p, w) s = Sigmoid(c) y = Mul(m, s)'
  const model = modelWith(
    `g (float[1,8,6,6] x) => (float y) <float[8] one = {1,1,1,1,1,1,1,1}, float[8] zero = {0,0,0,0,0,0,0,0}> { ${body} }`,
    { w: [8, 8, 1, 1] },
  )
  const feeds = { x: randomValue([1, 8, 6, 6], 3) }
  const { model: after, report: run } = await inIntegers(model, feeds)
  expect(run.refused).toContainEqual({ node: 'p', reason: expect.stringContaining('its means differ so much less') })
  expect(run.planned).not.toHaveProperty('QLinearGlobalAveragePool')
  expect(decibels((await runOnce(model, feeds)).y!, (await runOnce(after, feeds)).y!)).toBeGreaterThan(30)
})
