import { beforeAll, describe, expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import type { TensorValue } from '../src/engine/index.ts'
import { type Model, tensorOf, tensorValues } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { compareKernels, passes } from '../src/passes/index.ts'
import { channelsOf } from '../src/recipe/evidence/channels.ts'
import { rangesOf as rangesOn } from '../src/recipe/evidence/ranges.ts'
import { rangesWithChannels } from '../src/recipe/quantize/ranges-and-channels.ts'
import type { CalibrationReport, ChannelsReport } from '../src/report/index.ts'
import { decibels, kernelsOf, modelWith, randomValue, rangesOf, runOnce } from './quantize-kit.ts'

const image = [4, 16, 12, 12]

/** The model with rows of weights multiplied, and columns of those behind divided, so that channels differ in size. */
function uneven(model: Model, rows: readonly string[], columns: readonly string[]): Model {
  const factor = (channel: number) => 2 ** -(channel % 8)
  const initializers = new Map(model.graph.initializers)
  const scale = (name: string, by: (index: number, dims: readonly number[]) => number) => {
    const tensor = initializers.get(name)!
    const values = (tensorValues(tensor) as Float32Array).map((value, i) => value * by(i, tensor.dims))
    initializers.set(name, { ...tensorOf('float32', tensor.dims, values), name })
  }
  const places = (dims: readonly number[]) => dims.slice(2).reduce((product, dim) => product * dim, 1)
  for (const name of rows) scale(name, (i, dims) => factor(Math.floor(i / (dims[1]! * places(dims)))))
  for (const name of columns) scale(name, (i, dims) => 1 / factor(Math.floor(i / places(dims)) % dims[1]!))
  return { ...model, graph: { ...model.graph, initializers } }
}

interface Case {
  readonly model: Model
  readonly x: TensorValue
  readonly ranges: CalibrationReport
  readonly channels: ChannelsReport
}

async function prepare(model: Model, dims: readonly number[] = image): Promise<Case> {
  const x = randomValue(dims, 3)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [...dims], data: x.data as Float32Array } })
  return { model, x, ranges: await rangesOf(model, { x }), channels: await channelsOf(model, data) }
}

/** As if a channel of a value had reached what the middle one of those that are awake did. */
function awake(report: ChannelsReport, value: string, channel: number): ChannelsReport {
  const { min, max, reach, ...rest } = report.values[value]!
  const order = max.map((_, c) => c).filter((c) => max[c]! > 0)
  order.sort((a, b) => reach[a]! - reach[b]!)
  const middle = order[order.length >> 1]!
  const as = (list: readonly number[]) => list.map((number, c) => (c === channel ? list[middle]! : number))
  return { ...report, values: { ...report.values, [value]: { ...rest, min: as(min), max: as(max), reach: as(reach) } } }
}

async function quantized({ model, ranges, channels }: Case, options: Readonly<Record<string, unknown>>) {
  return passes.quantizeStaticInt8!.run(model, { placement: 'everywhere', ...options } as never, [
    { report: ranges },
    { report: channels },
  ])
}

async function noise(one: Case, options: Readonly<Record<string, unknown>>): Promise<number> {
  const { model } = await quantized(one, options)
  const [a, b] = [await runOnce(one.model, { x: one.x }), await runOnce(model, { x: one.x })]
  return decibels(a.y!, b.y!)
}

describe('what the rows say about channels', () => {
  const text = 'g (float[N,2,2,2] x) => (float[N,3] y) { r = Relu(x) f = Flatten(r) y = MatMul(f, w) }'

  test('least, greatest and mean elements, on axis 1 and on the last', async () => {
    const model = modelWith(text, { w: [8, 3] })
    const data = Float32Array.of(1, -2, 3, 4, 5, 5, 5, 5, 0, 0, 0, 8, -1, -1, -1, 3)
    const rows = await memoryDataset({ x: { dtype: 'float32', dims: [2, 2, 2, 2], data } })
    const { values, samples } = await channelsOf(model, rows)
    expect(samples).toBe(2)
    expect(values.x).toMatchObject({ axis: 1, min: [-2, -1], max: [8, 5], mean: [1.75, 2.5] })
    expect(values.f).toMatchObject({
      axis: -1,
      min: [0, 0, 0, 4, 0, 0, 0, 3],
      max: [1, 0, 3, 8, 5, 5, 5, 5],
      mean: [0.5, 0, 1.5, 6, 2.5, 2.5, 2.5, 4],
    })
    // Rows reach 4 and 8: another one may go far beyond both. Rows that all reach the same say so.
    expect(values.x!.reach[0]).toBeGreaterThan(8)
    expect(values.f!.reach[1]).toBe(0)
  })

  test('a value that is not finite is named', async () => {
    const model = modelWith('g (float[N,2,2,2] x) => (float[N,2,2,2] y) { l = Log(x) y = Mul(l, l) }', {})
    const data = Float32Array.of(1, 1, 1, 1, 1, 1, 1, 0)
    const rows = await memoryDataset({ x: { dtype: 'float32', dims: [1, 2, 2, 2], data } })
    const report = await channelsOf(model, rows)
    expect(report.unseen.map(({ name }) => name)).toContain('l')
    expect(report.values.l).toBeUndefined()
  })
})

describe('correctBias', () => {
  const shift = (a: Float32Array, b: Float32Array, channels: number) => {
    const inner = a.length / 4 / channels
    const sums = new Float64Array(channels)
    for (let i = 0; i < a.length; i++) sums[Math.floor(i / inner) % channels]! += a[i]! - b[i]!
    return sums.reduce((sum, value) => sum + Math.abs(value), 0)
  }

  test.each([
    ['with a bias', 'g (float[N,16,12,12] x) => (float y) { r = Relu(x) y = Conv(r, w, b) }', { b: [16] }],
    ['without one', 'g (float[N,16,12,12] x) => (float y) { r = Relu(x) y = Conv(r, w) }', {}],
  ])('a convolution %s keeps the means of its channels', async (_, text, bias: Readonly<Record<string, number[]>>) => {
    const one = await prepare(modelWith(text, { w: [16, 16, 3, 3], ...bias }))
    const reference = (await runOnce(one.model, { x: one.x })).y!.data as Float32Array
    const after = async (correctBias: boolean) => {
      const { model } = await quantized(one, { correctBias })
      return shift(reference, (await runOnce(model, { x: one.x })).y!.data as Float32Array, 16)
    }
    expect(await after(true)).toBeLessThan((await after(false)) / 2)
  })

  test('Gemm, whose channels lie last', async () => {
    const text = 'g (float[N,32] x) => (float y) { r = Relu(x) y = Gemm<transB = 1>(r, w, b) }'
    const one = await prepare(modelWith(text, { w: [8, 32], b: [8] }), [64, 32])
    expect(await noise(one, { correctBias: true })).toBeGreaterThan((await noise(one, {})) - 0.5)
    const { report } = await quantized(one, { correctBias: true })
    expect(report.planned).toEqual({ QGemm: 1 })
  })

  test('without evidence of channels nothing is corrected', async () => {
    const one = await prepare(
      modelWith('g (float[N,16,12,12] x) => (float y) { y = Conv(x, w) }', { w: [4, 16, 1, 1] }),
    )
    const { model } = await passes.quantizeStaticInt8!.run(one.model, { correctBias: true } as never, [
      { report: one.ranges },
    ])
    expect(model.graph.nodes.find((node) => node.opType === 'Conv')?.inputs).toHaveLength(2)
  })
})

describe('equalise', () => {
  const pads = 'pads = [1,1,1,1]'
  const graphs: Readonly<Record<string, readonly [body: string, weights: Record<string, number[]>, kernels: object]>> =
    {
      'through Relu': [
        `c = Conv<${pads}>(x, v, b) r = Relu(c) y = Conv<${pads}>(r, w)`,
        { v: [16, 16, 3, 3], b: [16], w: [16, 16, 3, 3] },
        { QLinearConv: 2 },
      ],
      'through a float operator of any kind': [
        `c = Conv<${pads}>(x, v, b) t = Softsign(c) y = Conv<${pads}>(t, w)`,
        { v: [16, 16, 3, 3], b: [16], w: [16, 16, 3, 3] },
        { QLinearConv: 2 },
      ],
      'through LeakyRelu and MaxPool': [
        `c = Conv<${pads}>(x, v, b) l = LeakyRelu(c) m = MaxPool<kernel_shape = [2,2]>(l) y = Conv(m, w)`,
        { v: [16, 16, 3, 3], b: [16], w: [16, 16, 3, 3] },
        { QLinearConv: 2, QLinearLeakyRelu: 1 },
      ],
      'through a residual and a concatenation': [
        `c = Conv<${pads}>(x, v, b) r = Relu(c) d = Conv<${pads}>(r, u) s = Add(d, r) k = Concat<axis = 1>(s, r) y = Conv(k, w)`,
        { v: [16, 16, 3, 3], b: [16], u: [16, 16, 3, 3], w: [8, 32, 1, 1] },
        { QLinearConv: 3, QLinearAdd: 1, QLinearConcat: 1 },
      ],
      'through the greater of two': [
        `c = Conv<${pads}>(x, v, b) r = Relu(c) d = Conv<${pads}>(r, u) s = Max(d, r) y = Conv<${pads}>(s, w)`,
        { v: [16, 16, 3, 3], b: [16], u: [16, 16, 3, 3], w: [16, 16, 3, 3] },
        { QLinearConv: 3, Max: 1 },
      ],
      'through a depthwise convolution': [
        `c = Conv<${pads}>(x, v, b) r = Relu(c) d = Conv<group = 16, ${pads}>(r, u) y = Conv(d, w)`,
        { v: [16, 16, 3, 3], b: [16], u: [16, 1, 3, 3], w: [8, 16, 1, 1] },
        { QLinearConv: 3 },
      ],
    }

  describe.each(Object.entries(graphs))('%s', (_, [body, weights, kernels]) => {
    let one: Case
    beforeAll(async () => {
      const model = modelWith(`g (float[N,16,12,12] x) => (float y) { ${body} }`, weights)
      one = await prepare(uneven(model, weights.u ? ['v', 'u'] : ['v'], weights.u?.[1] === 16 ? ['u', 'w'] : ['w']))
    })

    test('uneven channels keep their digits', async () => {
      const [before, after] = [await noise(one, {}), await noise(one, { equalise: 1 })]
      expect(after).toBeGreaterThan(before + 4)
    })

    test('the same integer kernels, and the same bytes again', async () => {
      const { model, report } = await quantized(one, { equalise: 1 })
      expect(report.planned).toMatchObject(kernels)
      expect(compareKernels(report.planned!, await kernelsOf(model))).toEqual([])
      expect(encodeModel((await quantized(one, { equalise: 1 })).model)).toEqual(encodeModel(model))
    })
  })

  test('what reads codes as they are keeps one scale', async () => {
    const text = `g (float[N,16,12,12] x) => (float y) { c = Conv(x, v) s = Sigmoid(c) m = Mul(c, s) y = Conv(m, w) }`
    const one = await prepare(uneven(modelWith(text, { v: [16, 16, 1, 1], w: [16, 16, 1, 1] }), ['v'], ['w']))
    const { model } = await quantized(one, { equalise: 1 })
    const scales = model.graph.nodes
      .filter((node) => node.opType === 'QuantizeLinear' && node.outputs[0] !== 'x_codes')
      .map((node) => model.graph.initializers.get(node.inputs[1]!)!.dims)
    expect(scales.every((dims) => dims.length === 0)).toBe(true)
  })

  test('a channel that never woke is given what a middling one needs', async () => {
    const text = `g (float[N,16,12,12] x) => (float y) { c = Conv(x, v, b) r = Relu(c) y = Conv(r, w) }`
    const model = modelWith(text, { v: [16, 16, 1, 1], b: [16], w: [4, 16, 1, 1] })
    const bias = Float32Array.from({ length: 16 }, (_, i) => (i === 5 ? -1000 : 0.1))
    const initializers = new Map(model.graph.initializers).set('b', { ...tensorOf('float32', [16], bias), name: 'b' })
    const one = await prepare({ ...model, graph: { ...model.graph, initializers } })
    const { model: after } = await quantized(one, { equalise: 1 })
    const middling = await quantized({ ...one, channels: awake(one.channels, 'r', 5) }, { equalise: 1 })
    expect(encodeModel(middling.model)).toEqual(encodeModel(after))
  })
})

test('a model with nothing to round has no channels to look at, and that is an answer', async () => {
  const model = modelWith('g (float[N,3] x) => (float y) { y = Neg(x) }', {})
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [2, 3], data: new Float32Array(6) } })
  expect(await channelsOf(model, data)).toMatchObject({ samples: 0, values: {}, unseen: [] })
})

describe('ranges and channels from one run of each row', () => {
  const text = 'g (float[N,4,6,6] x) => (float[N,3] y) { r = Relu(x) m = Mul(r, k) f = Flatten(m) y = MatMul(f, w) }'
  const rowsOf = async (change: (values: Float32Array) => void = () => {}) => {
    const values = randomValue([40, 4, 6, 6], 7).data as Float32Array
    change(values)
    return memoryDataset({ x: { dtype: 'float32', dims: [40, 4, 6, 6], data: values } })
  }
  const both = async (data: Awaited<ReturnType<typeof rowsOf>>) => {
    const model = modelWith(text, { k: [1, 4, 1, 1], w: [144, 3] })
    const together = await rangesWithChannels(model, data, 'minmax', { samples: 36 })
    return [together, [await rangesOn(model, data, 'minmax', { samples: 36 }), await channelsOf(model, data)]]
  }

  test('are those of the two measures, each on its own rows', async () => {
    const [together, apart] = await both(await rowsOf())
    expect(together).toEqual(apart)
    expect(together!.map(({ samples }) => samples)).toEqual([36, 16])
    expect(Object.keys(together![0]!.kind === 'calibration' ? together![0]!.ranges : {}).sort()).toEqual(
      ['x', 'r', 'm', 'f', 'y'].sort(),
    )
  })

  test('a value that is not finite is told of as the measures tell it', async () => {
    const [together, apart] = await both(await rowsOf((values) => values.fill(Number.POSITIVE_INFINITY, 3000, 3001)))
    expect(together).toEqual(apart)
    expect(together![0]!.kind === 'calibration' && together![0]!.unseen.map(({ name }) => name)).toContain('r')
  })
})

test('an Add that stays in float between codes is one that the runtime fuses: its channels keep one scale', async () => {
  const weights = { w: [16, 16, 3, 3], b: [16], v: [16, 16, 3, 3] }
  const plain = modelWith(
    'g (float[N,16,12,12] x) => (float y) { a = Conv(x, w, b) c = Conv(x, v, b) s = Add(a, c) y = Conv(s, w) }',
    weights,
  )
  const given = await prepare(uneven(plain, ['w', 'v'], []))
  const { model } = await quantized(given, { equalise: 1, keepFloat: ['Add'] })
  const [float, integer] = [await runOnce(given.model, { x: given.x }), await runOnce(model, { x: given.x })]
  expect(decibels(float.y!, integer.y!)).toBeGreaterThan(25)
})
