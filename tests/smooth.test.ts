import { describe, expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { lowestSqnrDb } from '../src/evaluate/index.ts'
import { type Model, parseModel, tensorOf } from '../src/ir/index.ts'
import { passes } from '../src/passes/index.ts'
import { channelsOf } from '../src/recipe/evidence/channels.ts'
import { applyRecipe, noCache, quantize, Workbench } from '../src/recipe/index.ts'
import { placementSpecs, smoothedSpec } from '../src/search/plan.ts'
import { decibels, modelWith, randomValue, runOnce } from './quantize-kit.ts'

const WIDTH = 64
/**
 * Two readers behind a LayerNorm whose factors are sixty times as large in two channels, as transformers have them; with
 * `quiet` a thousand times, and the weights that read these two are as much smaller, so that the others decide.
 */
function network(quiet = false): Model {
  const outlier = quiet ? 1000 : 60
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,16,64] x) => (float[N,16,64] y, float[N,16,64] z) {
      h = LayerNormalization <axis: int = -1> (x, g, b)
      p = MatMul(h, v)  r = Relu(p)  y = MatMul(r, w)  z = MatMul(h, u)
    }`)
  const isOutlier = (channel: number) => channel === 5 || channel === 40
  const matrix = (name: string, seed: number) => {
    const values = (randomValue([WIDTH, WIDTH], seed).data as Float32Array).map((value, i) =>
      quiet && name !== 'w' && isOutlier(Math.floor(i / WIDTH)) ? value / outlier : value,
    )
    return [name, tensorOf('float32', [WIDTH, WIDTH], values, name)] as const
  }
  const factors = Float32Array.from({ length: WIDTH }, (_, i) => (isOutlier(i) ? outlier : 1))
  const initializers = new Map([
    ['g', tensorOf('float32', [WIDTH], factors, 'g')] as const,
    ['b', tensorOf('float32', [WIDTH], new Float32Array(WIDTH).fill(0.1), 'b')] as const,
    matrix('v', 1),
    matrix('w', 2),
    matrix('u', 4),
  ])
  return { ...model, graph: { ...model.graph, initializers } }
}

const x = randomValue([8, 16, WIDTH], 3)
const rows = () => memoryDataset({ x: { dtype: 'float32', dims: [8, 16, WIDTH], data: x.data as Float32Array } })
const options = { scheme: 'static-int8', pass: { placement: 'everywhere' }, simplify: false } as const

test('smoothing is the same function: factors and weights alone change, and nothing is added', async () => {
  const model = network()
  const channels = await channelsOf(model, await rows())
  const { model: smooth, report } = await passes.smoothInputs!.run(model, {} as never, [{ report: channels }])
  // The normalization, and the columns of the first product, through the Relu behind it.
  expect(report).toMatchObject({ applied: 2, refused: [] })
  expect(smooth.graph.nodes.map(({ opType }) => opType)).toEqual(model.graph.nodes.map(({ opType }) => opType))
  expect(smooth.graph.initializers.size).toBe(model.graph.initializers.size)
  const [before, after] = [await runOnce(model, { x }), await runOnce(smooth, { x })]
  for (const name of ['y', 'z']) expect(decibels(before[name]!, after[name]!)).toBeGreaterThan(90)
})

describe('scales go into the columns of a product', () => {
  const joint = { u: [WIDTH, 2 * WIDTH], d: [2 * WIDTH], w: [WIDTH, WIDTH], v: [WIDTH, WIDTH] }
  const gate = 's = Sigmoid(a) t = Mul(a, s) h = Mul(t, c) y = MatMul(h, w)'
  const bounds = '<int64[1] i0 = {0}, int64[1] i64 = {64}, int64[1] i128 = {9223372036854775807}, int64[1] last = {-1}>'
  const [x, x2] = ['float[N,16,64] x', 'float[N,64] x']
  test.each([
    ['of a joint projection, split', `g (${x}) => (float y) { p = MatMul(x, u) a, c = Split<axis = -1>(p) ${gate} }`],
    [
      'with a bias, by an axis that is counted from the front',
      `g (${x}) => (float y) { m = MatMul(x, u) p = Add(d, m) c, a = Split<axis = 2>(p) ${gate} }`,
    ],
    [
      'sliced, of a bias of its own',
      `g (${x}) => (float y) ${bounds} { m = MatMul(x, u) p = Add(m, d) a = Slice(p, i0, i64, last) c = Slice(p, i64, i128, last) ${gate} }`,
    ],
    ['of a Gemm', `g (${x2}) => (float y) { p = Gemm(x, u, d) a, c = Split<axis = 1>(p) ${gate} }`],
    [
      'behind a Relu',
      `g (${x}) => (float y) { m = MatMul(x, u) p = Add(m, d) a, c = Split<axis = -1>(p) r = Relu(c) h = Mul(a, r) y = MatMul(h, w) }`,
    ],
  ])('%s', async (_, text) => {
    const model = modelWith(text.replace('Split<', 'Split<num_outputs = 2, '), joint)
    const dims = text.includes(x2) ? [8, WIDTH] : [8, 16, WIDTH]
    const fed = randomValue(dims, 3)
    const data = await memoryDataset({ x: { dtype: 'float32', dims, data: fed.data as Float32Array } })
    const channels = await channelsOf(model, data)
    const only = { ...channels, values: { h: channels.values.h! } }
    const { model: smooth, report } = await passes.smoothInputs!.run(model, { alpha: 1 } as never, [{ report: only }])
    expect(report).toMatchObject({ applied: 1, refused: [] })
    expect(smooth.graph.nodes.map(({ opType }) => opType)).toEqual(model.graph.nodes.map(({ opType }) => opType))
    expect(smooth.graph.initializers.size).toBe(model.graph.initializers.size)
    const [before, after] = [await runOnce(model, { x: fed }), await runOnce(smooth, { x: fed })]
    expect(decibels(before.y!, after.y!)).toBeGreaterThan(90)
    const { min, max } = (await channelsOf(smooth, data)).values.h!
    const reach = max.map((high, i) => Math.max(high, -min[i]!))
    // A channel that the Relu leaves nothing of stays as it is.
    for (const most of reach.filter((size) => size > 0)) expect(most).toBeCloseTo(1, 2)
    expect(reach.filter((size) => size > 0).length).toBeGreaterThan(WIDTH / 2)
  })

  test.each([
    [
      'what is split is an output, too',
      `g (${x}) => (float y, float p) { p = MatMul(x, u) a, c = Split<axis = -1>(p) ${gate} }`,
    ],
    [
      'the other half is the same channels',
      `g (${x}) => (float y) ${bounds} { p = MatMul(x, u) a = Slice(p, i0, i64, last) c = Slice(p, i0, i64, last) ${gate} }`,
    ],
    [
      'another axis is split',
      `g (float[2,16,64] x) => (float y) { p = MatMul(x, v) a, c = Split<axis = 1>(p) ${gate} }`,
    ],
  ])('not where %s', async (_, text) => {
    const model = modelWith(text.replace('Split<', 'Split<num_outputs = 2, '), joint)
    const values = {
      h: { axis: -1, ...Object.fromEntries(['min', 'max', 'mean'].map((key) => [key, Array(WIDTH).fill(2)])) },
    }
    const report = { kind: 'channels', version: 1, samples: 1, dataDigest: 'sha256:0', values, unseen: [] }
    const run = await passes.smoothInputs!.run(model, {} as never, [{ report } as never])
    expect(run.report).toMatchObject({
      applied: 0,
      refused: [{ reason: expect.stringContaining('can take the scales') }],
    })
  })
})

describe('a value that a residual reads as well', () => {
  /** A layer of a transformer with its normalizations behind the sums, as BERT has it. */
  const residual = (outlier: number, outputs = '(float[N,16,64] y)'): Model => {
    const body =
      'h = LayerNormalization <axis: int = -1> (x, g, b) p = MatMul(h, u) q = Sigmoid(p) r = MatMul(q, w) y = Add(h, r)'
    const model = modelWith(`g (float[N,16,64] x) => ${outputs} { ${body} }`, { u: [WIDTH, WIDTH], w: [WIDTH, WIDTH] })
    const factors = Float32Array.from({ length: WIDTH }, (_, i) => (i % 30 === 5 ? outlier : 1))
    const norm = [
      ['g', factors],
      ['b', new Float32Array(WIDTH).fill(0.1)],
    ] as const
    const initializers = new Map(model.graph.initializers)
    for (const [name, values] of norm) initializers.set(name, tensorOf('float32', [WIDTH], values, name))
    return { ...model, graph: { ...model.graph, initializers } }
  }
  const smoothed = async (model: Model, pass: object = {}) => {
    const given = [{ report: await channelsOf(model, await rows()) }]
    return passes.smoothInputs!.run(model, pass as never, given)
  }

  test.each(['(float[N,16,64] y)', '(float[N,16,64] y, float[N,16,64] h)'])(
    'is multiplied back: %s',
    async (outputs) => {
      const model = residual(60, outputs)
      const { model: smooth, report } = await smoothed(model)
      expect(report.applied).toBe(1)
      const ops = smooth.graph.nodes.map(({ opType }) => opType)
      expect(ops).toEqual(['LayerNormalization', 'Mul', 'MatMul', 'Sigmoid', 'MatMul', 'Add'])
      const [before, after] = [await runOnce(model, { x }), await runOnce(smooth, { x })]
      for (const [name, value] of Object.entries(before)) expect(decibels(value, after[name]!)).toBeGreaterThan(90)
    },
  )

  test('is left alone where that is not worth a Mul, and the report says why', async () => {
    const { model: smooth, report } = await smoothed(residual(1))
    expect(report.applied).toBe(0)
    expect(report.refused.map(({ reason }) => reason)).toContainEqual(
      expect.stringMatching(/read by .* as well, and the noise would not fall by half/),
    )
    expect(smooth.graph.nodes.length).toBe(5)
  })

  test('loses less in integers', async () => {
    const [data, model] = [await rows(), residual(60)]
    // The sum is in float, or its own codes would be most of the noise; and nothing saturates on any processor.
    const float = { ...options, data, keepFloat: ['Add', 'Sigmoid'], target: 'portable' } as const
    const [plain, smooth] = [await quantize(model, float), await quantize(model, { ...float, smooth: 0.5 })]
    expect(smooth.report.sqnrDb!).toBeGreaterThan(plain.report.sqnrDb! + 6)
    expect((await applyRecipe(smooth.recipe, model)).report.after.digest).toBe(smooth.report.after.digest)
  })
})

test('outlier channels cost less noise, in the same integer kernels, and the recipe replays', async () => {
  const model = network()
  const data = await rows()
  const plain = await quantize(model, { ...options, data })
  const smooth = await quantize(model, { ...options, data, smooth: 0.5 })
  expect(smooth.report.kernels).toEqual(plain.report.kernels)
  // A product whose answer is an output of the graph ends in float.
  expect(smooth.report.kernels).toMatchObject({ LayerNormalization: 1, QLinearMatMul: 1, MatMulIntegerToFloat: 2 })
  expect(smooth.report.sqnrDb!).toBeGreaterThan(plain.report.sqnrDb! + 3)
  expect(smooth.recipe.steps.map(({ pass, options }) => [pass, options])[0]).toEqual(['smoothInputs', { alpha: 0.5 }])
  const again = await applyRecipe(smooth.recipe, model)
  expect(again.report.after.digest).toBe(smooth.report.after.digest)
})

test('all of it makes every channel as large as the next', async () => {
  const model = network()
  const channels = await channelsOf(model, await rows())
  const { model: smooth } = await passes.smoothInputs!.run(model, { alpha: 1 } as never, [{ report: channels }])
  const { min, max } = (await channelsOf(smooth, await rows())).values.h!
  const reach = max.map((high, i) => Math.max(high, -min[i]!))
  expect(Math.min(...reach)).toBeCloseTo(1, 2)
  expect(Math.max(...reach)).toBeCloseTo(1, 2)
})

test('a candidate of the search with outlier channels moved keeps its kernels, gains decibels, and its recipe replays', async () => {
  const model = network(true)
  const settings = { margin: 0.01, alpha: 0.05, seed: 0, threads: 1, cache: noCache }
  const bench = await Workbench.open(model, await rows(), { ...settings, target: 'native' })
  try {
    const plain = placementSpecs().find(({ id }) => id === 'int8-everywhere-minmax')!
    const smooth = smoothedSpec(plain)
    const noise: number[] = []
    const planned: unknown[] = []
    for (const spec of [plain, smooth]) {
      const built = await bench.build(spec)
      planned.push(built.planned)
      noise.push(lowestSqnrDb(await bench.judge(built, 'select'))!)
      if (spec !== smooth) continue
      const recipe = built.recipe
      expect(recipe.steps.map(({ pass }) => pass)).toContain('smoothInputs')
      expect((await applyRecipe(recipe, model)).report.after.digest).toBe(built.digest)
    }
    expect(planned[1]).toEqual(planned[0])
    expect(noise[1]!).toBeGreaterThan(noise[0]! + 10)
  } finally {
    await bench.close()
  }
}, 120_000)
