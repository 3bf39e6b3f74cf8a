import { writeFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { lowestSqnrDb } from '../src/evaluate/index.ts'
import { type Model, operatorName, parseModel } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { passes } from '../src/passes/index.ts'
import { applyRecipe, inspect, noCache, quantize, Workbench } from '../src/recipe/index.ts'
import { Bench, floats } from './command.ts'
import { modelWith, numbers } from './quantize-kit.ts'

const bench = new Bench()
afterAll(() => bench.remove())
const settings = { margin: 0.01, alpha: 0.05, seed: 0, threads: 1, target: 'native', cache: noCache } as const
const [ROWS, CHANNELS, SIDE] = [60, 16, 12]

const list = (count: number, seed: number, most: number) => {
  const next = numbers(seed)
  return `{${Array.from({ length: count }, () => Math.round(next() * most)).join(', ')}}`
}
const layer = (i: number, from: number) => ({
  weights: `int8[${CHANNELS},${from},3,3] w${i} = ${list(CHANNELS * from * 9, i, 127)}, float s${i} = {${0.02 / from}}, float[1,${CHANNELS},1,1] b${i} = ${list(CHANNELS, i + 9, 2)}`,
  body: (x: string, y: string) => `c${i}, r${i}, z${i} = DynamicQuantizeLinear(${x})
    i${i} = ConvInteger<pads: ints = [1,1,1,1]>(c${i}, w${i}, z${i}) f${i} = Cast<to = 1>(i${i})
    t${i} = Mul(r${i}, s${i}) m${i} = Mul(f${i}, t${i}) a${i} = Add(m${i}, b${i}) ${y} = Relu(a${i})`,
})
const [first, second] = [layer(1, 1), layer(2, CHANNELS)]

/** A network as the usual tools' dynamic scheme leaves it: each convolution rounds what it reads in each run. */
const rounded = parseModel(`<ir_version: 10, opset_import: ["" : 17]>
  g (float[N,1,${SIDE},${SIDE}] x) => (float[N,${CHANNELS},${SIDE},${SIDE}] y) <${first.weights}, ${second.weights}>
  { ${first.body('x', 'h')} ${second.body('h', 'y')} }`)
const run = async (id: string, model: Model, options = {}) => (await passes[id]!.run(model, options as never, [])).model
const half = await run('convertFloat16', await run('undoDynamicInt8', rounded), { compute: 'float16' })

const pictures = (seed: number) =>
  memoryDataset({
    x: {
      dtype: 'float32',
      dims: [ROWS, 1, SIDE, SIDE],
      data: Float32Array.from({ length: ROWS * SIDE * SIDE }, numbers(seed)),
    },
  })
const operators = ({ graph }: Model) => new Set(graph.nodes.map(operatorName))

const known = await quantize(await run('undoDynamicInt8', rounded), {
  scheme: 'static-int8',
  data: await pictures(4),
  pass: { placement: 'everywhere' },
})

test.each([
  ['integers with ranges of each run', rounded],
  ['integers with known ranges', known.model],
  ['float16', half],
])('a file that computes in %s: its candidates are made of float32, and judged against the file', async (_, model) => {
  const work = await Workbench.open(model, await pictures(1), settings)
  try {
    expect(await work.isRounded()).toBe(true)
    expect(inspect(await work.forProducts()).operators).toMatchObject({ Conv: 2 })
    const [lossless, float, integers] = [
      await work.build({ id: 'lossless', words: '' }),
      await work.build({ id: 'float32', words: '', unrounded: true }),
      await work.build({
        id: 'int8',
        words: '',
        scheme: 'static-int8',
        pass: { placement: 'everywhere', target: 'portable' },
      }),
    ] as const
    expect([...operators(float.model)].filter((name) => /Integer|Dynamic|Cast|Quantize/.test(name))).toEqual([])
    // What is said to be lossless still rounds as the file does.
    expect([...operators(lossless.model)].some((name) => /Integer|Cast|Quantize/.test(name))).toBe(true)
    expect(integers.planned).toMatchObject({ QLinearConv: 2 })
    for (const built of [float, integers]) {
      expect(lowestSqnrDb(await work.judge(built, 'select')) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(25)
      expect(built.digest).toBe((await work.build(built.spec)).digest)
      const { model: replayed } = await applyRecipe(built.recipe, model, { tensors: work.tensors })
      expect(encodeModel(replayed)).toEqual(encodeModel(built.model))
    }
  } finally {
    await work.close()
  }
})

test('quantize undoes the roundings first, and says against what it measures', async () => {
  const { report } = await quantize(rounded, { scheme: 'static-int8', data: await pictures(2) })
  expect(report.planned).toMatchObject({ QLinearConv: 2 })
  expect(report.warnings.join()).toContain('the file rounds its values in each run')
  expect(report.sqnrDb!).toBeGreaterThan(25)
  // A file that rounds nothing hears nothing of it.
  const float = await run('undoDynamicInt8', rounded)
  const { report: plain } = await quantize(float, { scheme: 'static-int8', data: await pictures(2) })
  expect(plain.warnings.join()).not.toContain('rounds its values')
})

/** As numpy and scikit-learn have their weights: two layers of 64, in float64 from end to end. */
const double = parseModel(`<ir_version: 10, opset_import: ["" : 17]>
  g (double[N,64] x) => (double[N,64] y) <double[64,64] w = ${list(4096, 5, 1)}, double[64] b = ${list(64, 6, 2)}, double[64,64] v = ${list(4096, 7, 1)}, double scale = {7}>
  { s = Div(x, scale) p = MatMul(s, w) a = Add(p, b) h = Relu(a) y = MatMul(h, v) }`)
const doubles = await memoryDataset({
  x: { dtype: 'float64', dims: [ROWS, 64], data: Float64Array.from({ length: ROWS * 64 }, numbers(8)) },
})

test('a file that multiplies in float64: its candidates are made of float32, between the borders that it has', async () => {
  const work = await Workbench.open(double, doubles, settings)
  try {
    expect(await work.isRounded()).toBe(true)
    expect(inspect(await work.forProducts()).operators).toMatchObject({ Gemm: 1, MatMul: 1 })
    const float = await work.build({ id: 'float32', words: '', unrounded: true })
    expect(float.model.graph.inputs).toEqual(double.graph.inputs)
    expect(float.model.graph.outputs).toEqual(double.graph.outputs)
    expect([...float.model.graph.initializers.values()].filter(({ dtype }) => dtype === 'float64')).toEqual([])
    expect(lowestSqnrDb(await work.judge(float, 'select'))!).toBeGreaterThan(110)
    const integers = await work.build({ id: 'dynamic-int8', words: '', scheme: 'dynamic-int8' })
    expect(integers.planned).toMatchObject({ DynamicQuantizeMatMul: 2 })
    const { model: replayed } = await applyRecipe(integers.recipe, double, { tensors: work.tensors })
    expect(encodeModel(replayed)).toEqual(encodeModel(integers.model))
  } finally {
    await work.close()
  }
  const { report } = await quantize(double, { scheme: 'dynamic-int8', data: doubles })
  expect(report.warnings.join()).toContain('the file multiplies in float64')
  expect(report.sqnrDb!).toBeGreaterThan(25)
})

test('float64 inside a file whose products are float32 stays', async () => {
  const model = modelWith(
    'g (float[N,8] x) => (float[N,8] y) <int64 axis = {1}> { p = MatMul(x, w) d = Cast<to = 11>(p) s = CumSum(d, axis) y = Cast<to = 1>(s) }',
    { w: [8, 8] },
  )
  const { model: after, report } = await quantize(model, { scheme: 'dynamic-int8', data: await eights() })
  expect(operators(after)).toContain('Cast')
  expect(report.warnings.join()).not.toContain('float64')
})
const eights = () =>
  memoryDataset({
    x: { dtype: 'float32', dims: [ROWS, 8], data: Float32Array.from({ length: ROWS * 8 }, numbers(9)) },
  })

test('a search hands out what is faster than the file, with float32 among its candidates', async () => {
  writeFileSync(bench.path('rounded.onnx'), encodeModel(rounded))
  const x = Float32Array.from({ length: ROWS * SIDE * SIDE }, numbers(3))
  const data = bench.npz('rows.npz', { x: floats(x, [ROWS, 1, SIDE, SIDE]) })
  const ended = await bench.whet('optimize', 'rounded.onnx', '--data', data, '-o', 'out', '--time', '60s', '--json')
  expect(ended).toMatchObject({ code: 0 })
  const report = JSON.parse(ended.stdout)
  const float = report.candidates.find(({ id }: { id: string }) => id === 'float32')
  // Judged, unless integers that are faster looked safe before its turn came.
  expect(float.verdict ?? float.note).toMatch(/^(pass|inconclusive|regressed)$|was about as fast or faster by then/)
  expect(float.speedup).toBeGreaterThan(1)
  for (const { id, recipe } of report.candidates)
    if (id.startsWith('int8')) expect(recipe).toMatch(/^lossless, in float32 throughout, then static int8/)
  expect(report.chosen.id).not.toBe('original')
}, 240_000)

test('a decoder in float16 whose cache grows in one operator is compared in float32 as well', async () => {
  const model = modelWith(
    `g (float16[N,S,64] x, int64[N,T] mask, float16[N,2,P,16] pk, float16[N,2,P,16] pv)
      => (float16[N,S,64] y, float16[N,2,T,16] k, float16[N,2,T,16] v)
      <int64[1] one = {1}, int32 less = {1}, int64 last = {1}> {
      sum = ReduceSum<keepdims = 0>(mask, one) whole = Cast<to = 6>(sum) lengths = Sub(whole, less)
      shape = Shape(mask) long = Gather(shape, last) total = Cast<to = 6>(long)
      wq = Cast<to = 10>(q) wk = Cast<to = 10>(c) wv = Cast<to = 10>(d) wo = Cast<to = 10>(o)
      query = MatMul(x, wq) key = MatMul(x, wk) value = MatMul(x, wv)
      a, k, v = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(query, key, value, pk, pv, lengths, total)
      y = MatMul(a, wo) }`,
    { q: [64, 64], c: [64, 32], d: [64, 32], o: [64, 64] },
  )
  const outputs = parseModel(
    `<ir_version: 10, opset_import: ["" : 21]> g (float16[N,S,64] x) => (float16[N,S,64] y, float16[N,2,T,16] k, float16[N,2,T,16] v) { y = Identity(x) k = Identity(x) v = Identity(x) }`,
  ).graph.outputs
  const column = (dims: readonly number[], seed: number) => {
    const next = numbers(seed)
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 4) }, next)
    return { dtype: 'float32', dims: [4, ...dims], data } as const
  }
  const data = await memoryDataset({
    x: column([1, 64], 1),
    mask: { dtype: 'int64', dims: [4, 2], data: new BigInt64Array(8).fill(1n) },
    pk: column([2, 1, 16], 2),
    pv: column([2, 1, 16], 3),
  })
  const given = { ...model, graph: { ...model.graph, outputs } }
  const { report } = await quantize(given, { scheme: 'weight-int8', data })
  expect(report.planned).toEqual({ MatMulNBits: 2 })
  expect(report.sqnrDb!).toBeGreaterThan(30)
})
