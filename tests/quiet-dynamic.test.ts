import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { type Model, tensorOf, tensorValues } from '../src/ir/index.ts'
import { passes } from '../src/passes/index.ts'
import { channelsOf } from '../src/recipe/evidence/channels.ts'
import { applyRecipe, noCache, quantize, Workbench } from '../src/recipe/index.ts'
import type { SensitivityReport } from '../src/report/index.ts'
import { dataFreeSpecs, outliersSpec, withNoise } from '../src/search/plan.ts'
import { decibels, modelWith, randomValue, rangesOf, runOnce } from './quantize-kit.ts'

const WIDTH = 64
const x = randomValue([8, 16, WIDTH], 3)
const rows = () => memoryDataset({ x: { dtype: 'float32', dims: [8, 16, WIDTH], data: x.data as Float32Array } })
const dynamic = (model: Model, options: object = {}, evidence: readonly object[] = []) =>
  passes.quantizeDynamicInt8!.run(model, options as never, evidence as never)

/** Two products of the same weights and a Gemm of its own, all of which read channel 5 so many times as large as others. */
function network(outlier: number): Model {
  const model = modelWith(
    `g (float[N,16,64] x) => (float[N,16,64] y, float[M,64] z) <int64[2] flat = {-1, 64}> {
       a = Mul(x, f)  p = MatMul(a, w)  r = Tanh(p)  b = Mul(r, f)  y = MatMul(b, w)
       rows = Reshape(b, flat)  z = Gemm <alpha: float = 0.5, transB: int = 1> (rows, v, c)
     }`,
    { w: [WIDTH, WIDTH], v: [WIDTH, WIDTH], c: [WIDTH] },
  )
  const factors = Float32Array.from({ length: WIDTH }, (_, i) => (i === 5 ? outlier : 1))
  const initializers = new Map(model.graph.initializers).set('f', tensorOf('float32', [WIDTH], factors, 'f'))
  // What reads it is as much smaller, so that the other channels decide.
  for (const [name, channelOf] of [
    ['w', (i: number) => Math.floor(i / WIDTH)],
    ['v', (i: number) => i % WIDTH],
  ] as const) {
    const values = tensorValues(initializers.get(name)!) as Float32Array
    const smaller = values.map((value, i) => (channelOf(i) === 5 ? value / outlier : value))
    initializers.set(name, tensorOf('float32', [WIDTH, WIDTH], smaller, name))
  }
  return { ...model, graph: { ...model.graph, initializers } }
}

test('channels of outliers are divided in front of products: the same function, far quieter, its weights tied still', async () => {
  const model = network(40)
  const evidence = [{ report: await channelsOf(model, await rows()) }]
  const { model: divided, report } = await passes.divideOutliers!.run(model, {} as never, evidence)
  expect(report).toMatchObject({ applied: 3, refused: [] })
  const products = divided.graph.nodes.filter(({ opType }) => opType === 'MatMul' || opType === 'Gemm')
  expect(new Set(products.map(({ inputs }) => inputs[1])).size).toBe(2)
  const exact = await runOnce(model, { x })
  const [same, before, after] = [
    await runOnce(divided, { x }),
    await runOnce((await dynamic(model)).model, { x }),
    await runOnce((await dynamic(divided)).model, { x }),
  ]
  for (const name of ['y', 'z']) {
    expect(decibels(exact[name]!, same[name]!)).toBeGreaterThan(90)
    expect(decibels(exact[name]!, after[name]!)).toBeGreaterThan(decibels(exact[name]!, before[name]!) + 6)
  }
})

test('a normalization takes the division into its factors where none but the products read it, else a Mul does', async () => {
  const behind = (also: string) => {
    const { graph } = network(40)
    const model = modelWith(
      `g (float[N,16,64] x) => (float[N,16,64] y, float[N,16,64] z) {
         n = LayerNormalization(x, f, c)  p = MatMul(n, w)  y = Tanh(p)  q = MatMul(n, v)  z = Add(q, ${also})
       }`,
      { w: [WIDTH, WIDTH], v: [WIDTH, WIDTH], c: [WIDTH] },
    )
    const initializers = new Map(model.graph.initializers)
    for (const name of ['f', 'w']) initializers.set(name, graph.initializers.get(name)!)
    initializers.set('v', { ...graph.initializers.get('w')!, name: 'v' })
    return { ...model, graph: { ...model.graph, initializers } }
  }
  const noise = async (model: Model, exact: Awaited<ReturnType<typeof runOnce>>) => {
    const seen = await runOnce(model, { x })
    return Math.min(...['y', 'z'].map((name) => decibels(exact[name]!, seen[name]!)))
  }
  for (const [also, muls] of [
    ['p', 0],
    ['n', 1],
  ] as const) {
    const model = behind(also)
    const evidence = [{ report: await channelsOf(model, await rows()) }]
    const { model: divided, report } = await passes.divideOutliers!.run(model, {} as never, evidence)
    expect(report.applied).toBe(1)
    expect(divided.graph.nodes.filter(({ opType }) => opType === 'Mul').length).toBe(muls)
    expect(divided.graph.nodes.length).toBe(model.graph.nodes.length + muls)
    const exact = await runOnce(model, { x })
    expect(await noise(divided, exact)).toBeGreaterThan(90)
    const plain = await noise((await dynamic(model)).model, exact)
    expect(await noise((await dynamic(divided)).model, exact)).toBeGreaterThan(plain + 6)
  }
})

/** One product of 512 channels, the fifth of them 40 times as large as others, by weights that are ten times as large there. */
function feedForward(): Model {
  const model = modelWith('g (float[N,16,512] x) => (float[N,16,24] y) { a = Mul(x, f)  y = MatMul(a, w) }', {
    w: [512, 24],
  })
  const initializers = new Map(model.graph.initializers)
  const factors = Float32Array.from({ length: 512 }, (_, i) => (i === 5 ? 40 : 1))
  initializers.set('f', tensorOf('float32', [512], factors, 'f'))
  const weights = (tensorValues(initializers.get('w')!) as Float32Array).map((value, i) =>
    Math.floor(i / 24) === 5 ? 10 * value : value,
  )
  return {
    ...model,
    graph: { ...model.graph, initializers: initializers.set('w', tensorOf('float32', [512, 24], weights, 'w')) },
  }
}

test('a channel of outliers that meets large weights is multiplied apart in float, and in no code', async () => {
  const model = feedForward()
  const wide = randomValue([8, 16, 512], 4)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [8, 16, 512], data: wide.data as Float32Array } })
  const evidence = [{ report: await channelsOf(model, data) }]
  const { model: apart, report } = await passes.divideOutliers!.run(model, {} as never, evidence)
  expect(report).toMatchObject({ applied: 1, refused: [] })
  expect(apart.graph.nodes.map(({ opType }) => opType)).toEqual(['Mul', 'Mul', 'Gather', 'MatMul', 'MatMul', 'Add'])
  const constants = [...apart.graph.initializers.values()]
  const [coded] = constants.filter(({ dims }) => dims.join() === '512,24')
  expect((tensorValues(coded!) as Float32Array).subarray(5 * 24, 6 * 24).every((value) => value === 0)).toBe(true)
  expect(constants.filter(({ dims }) => dims.join() === '1,24')).toHaveLength(1)
  const feeds = { x: wide }
  const exact = (await runOnce(model, feeds)).y!
  const kept = async (one: Model) => decibels(exact, (await runOnce(one, feeds)).y!)
  expect(await kept(apart)).toBeGreaterThan(90)
  const codes = (await dynamic(apart)).model
  expect(codes.graph.nodes.filter(({ opType }) => opType === 'MatMulInteger')).toHaveLength(1)
  expect(await kept(codes)).toBeGreaterThan((await kept((await dynamic(model)).model)) + 9)
})

test('channels that end at one limit are no outliers among each other: none of them is multiplied apart', async () => {
  const { graph, ...rest } = modelWith(
    'g (float[N,16,512] x) => (float[N,16,24] y) { a = Mul(x, f)  c = Clip(a, low, high)  y = MatMul(c, w) }',
    { w: [512, 24] },
  )
  const factors = Float32Array.from({ length: 512 }, (_, i) => (i < 20 ? 1000 : 0.1))
  const initializers = new Map(graph.initializers).set('f', tensorOf('float32', [512], factors, 'f'))
  for (const [name, end] of [
    ['low', -50],
    ['high', 50],
  ] as const)
    initializers.set(name, tensorOf('float32', [], Float32Array.of(end), name))
  const model = { ...rest, graph: { ...graph, initializers } }
  const wide = randomValue([8, 16, 512], 4)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [8, 16, 512], data: wide.data as Float32Array } })
  const { model: eased } = await passes.divideOutliers!.run(model, {} as never, [
    { report: await channelsOf(model, data) },
  ])
  expect(eased.graph.nodes.some(({ opType }) => opType === 'Gather')).toBe(false)
})

test('where no channel stands out, or weights have another reader, products are left as they are', async () => {
  const seen = async (model: Model) => [{ report: await channelsOf(model, await rows()) }]
  const even = modelWith('g (float[N,16,64] x) => (float[N,16,64] y) { y = MatMul(x, w) }', { w: [WIDTH, WIDTH] })
  const left = await passes.divideOutliers!.run(even, {} as never, await seen(even))
  expect(left.model).toBe(even)
  expect(left.report.refused).toMatchObject([{ reason: 'no channels stand out so far that a Mul would pay' }])
  const shared = modelWith(
    'g (float[N,16,64] x) => (float[N,16,64] y, float[64,64] k) { a = Mul(x, f) y = MatMul(a, w) k = Neg(w) }',
    { w: [WIDTH, WIDTH] },
  )
  const initializers = new Map(shared.graph.initializers).set('f', network(40).graph.initializers.get('f')!)
  const read = { ...shared, graph: { ...shared.graph, initializers } }
  const { report } = await passes.divideOutliers!.run(read, {} as never, await seen(read))
  expect(report).toMatchObject({
    applied: 0,
    refused: [{ reason: expect.stringContaining('weights are also read by') }],
  })
})

/** Of three products in a row the second is loud, and what the third reads is known of nothing. */
const chain = () =>
  modelWith(
    'g (float[N,16,64] x) => (float[N,16,64] y) { a = MatMul(x, u) b = MatMul(a, v) c = MatMul(b, w) y = Tanh(c) }',
    { u: [WIDTH, WIDTH], v: [WIDTH, WIDTH], w: [WIDTH, WIDTH] },
  )

const roundings = (noises: Readonly<Record<string, number>>, unknown: SensitivityReport['unknown'] = []) => ({
  report: {
    kind: 'sensitivity',
    version: 1,
    sources: Object.entries(noises).map(([name, noise]) => ({ kind: 'value', name, noise })),
    unknown,
    samples: 1,
  } satisfies SensitivityReport,
})

test('within a budget of noise the loudest products stay in float, and those of unknown noise', async () => {
  const model = chain()
  const ranges = { report: await rangesOf(model, { x }) }
  const integers = async (noiseBudget: number, sensitivity: ReturnType<typeof roundings>) => {
    const { model: made, report } = await dynamic(model, { noiseBudget }, [ranges, sensitivity])
    const float = made.graph.nodes.filter(({ opType }) => opType === 'MatMul').map(({ outputs }) => outputs[0])
    return { float, expectedNoise: Number(report.expectedNoise!.toPrecision(6)) }
  }
  const loud = roundings({ x: 1e-4, a: 1e-2, b: 1e-4 })
  expect(await integers(1, loud)).toEqual({ float: [], expectedNoise: 1.02e-2 })
  expect(await integers(1e-3, loud)).toEqual({ float: ['b'], expectedNoise: 2e-4 })
  expect(await integers(1e-9, loud)).toEqual({ float: ['a', 'b', 'c'], expectedNoise: 0 })
  const unknown = roundings({ x: 1e-4, a: 1e-4 }, [{ kind: 'value', name: 'b', reason: 'no gradient' }])
  expect(await integers(1, unknown)).toEqual({ float: ['c'], expectedNoise: 2e-4 })
})

test('products that read one value pay for its rounding together, and those of tied weights for theirs in parts', async () => {
  const model = modelWith(
    'g (float[N,16,64] x) => (float[N,16,64] y, float[N,16,64] z) { y = MatMul(x, u) h = Tanh(y) z = MatMul(h, u) }',
    { u: [WIDTH, WIDTH] },
  )
  const ranges = { report: await rangesOf(model, { x }) }
  const first = model.graph.nodes[0]!
  const sensitivity = roundings({ x: 1e-5, h: 1e-5 })
  const weights = { kind: 'node' as const, name: first.name || first.outputs[0]!, noise: 4e-3 }
  const report = { ...sensitivity.report, sources: [...sensitivity.report.sources, weights] }
  const made = await dynamic(model, { noiseBudget: 2.5e-3 }, [ranges, { report }])
  // One of the two in float takes half of what their weights do away.
  expect(made.report.expectedNoise).toBeLessThanOrEqual(2.5e-3)
  expect(made.report.applied).toBeLessThan(2)
})

test('a mixture of divided dynamic integers is built from its specification, and its recipe gives it again', async () => {
  const model = network(40)
  const data = await rows()
  const settings = { seed: 0, threads: 1, target: 'native', margin: 0.01, alpha: 0.05, cache: noCache } as const
  const bench = await Workbench.open(model, data, settings)
  try {
    const whole = dataFreeSpecs(bench.inspection, false, 'native').find(({ id }) => id === 'dynamic-int8')!
    const quiet = await bench.build(withNoise(outliersSpec(whole), 1e9, false))
    expect(quiet.recipe.steps.map(({ pass }) => pass)).toEqual(
      expect.arrayContaining(['divideOutliers', 'quantizeDynamicInt8']),
    )
    expect(quiet.expectedNoise).toBeGreaterThan(0)
    const quieter = await bench.build(withNoise(outliersSpec(whole), quiet.expectedNoise! / 10, false))
    expect(quieter.expectedNoise).toBeLessThanOrEqual(quiet.expectedNoise! / 10)
    expect((await applyRecipe(quiet.recipe, model)).report.after.digest).toBe(quiet.digest)
  } finally {
    await bench.close()
  }
})

test('quantize divides channels of outliers where asked to, by what rows say, and says so where none stands out', async () => {
  const asked = { scheme: 'dynamic-int8', data: await rows(), divideOutliers: true } as const
  const [plain, divided] = [
    await quantize(network(40), { ...asked, divideOutliers: false }),
    await quantize(network(40), asked),
  ]
  expect(divided.report.sqnrDb!).toBeGreaterThan(plain.report.sqnrDb! + 6)
  expect(divided.report.passes!.find(({ id }) => id === 'divideOutliers')!.applied).toBeGreaterThan(0)
  expect((await applyRecipe(divided.recipe, network(40))).report.after.digest).toBe(divided.report.after.digest)
  const even = modelWith('g (float[N,16,64] x) => (float[N,16,64] y) { y = MatMul(x, w) }', { w: [WIDTH, WIDTH] })
  const nobody = await quantize(even, asked)
  expect(nobody.report.warnings.join()).toContain('no channels were divided')
}, 120_000)
