import { describe, expect, test } from 'vitest'
import { decibels, kernelsOf, modelWith, randomValue, rangesOf, runOnce } from '../../../../../tests/quantize-kit.ts'
import { type Model, operatorName, tensorOf, tensorValues } from '../../../../ir/index.ts'
import type { ChannelsReport } from '../../../../report/index.ts'
import type { StaticInt8Options } from '../quantize-static-int8.ts'
import { planOf, quantizeStaticInt8 } from '../quantize-static-int8.ts'

const CHANNELS = 16
const gentle = Array.from({ length: CHANNELS }, (_, c) => c / 20 - 0.3)
const steep = gentle.map((slope) => slope + 1.5)
const mixed = gentle.map((slope, c) => (c % 3 === 0 ? slope + 1.5 : slope))

/** `body` computes y from x by way of `p = PRelu(a, s)`; half of the channels of what `w` gives are `uneven` times as large. */
function modelOf(body: string, slopes: readonly number[], dims = [slopes.length, 1, 1], uneven = 1) {
  const weights = { w: [CHANNELS, 8, 3, 3], b: [CHANNELS], v: [24, CHANNELS, 1, 1] }
  const model = modelWith(`g (float[2,8,12,10] x) => (float y) { ${body} }`, weights)
  const initializers = new Map(model.graph.initializers)
  initializers.set('s', tensorOf('float32', dims, Float32Array.from(slopes), 's'))
  const w = tensorValues(initializers.get('w')!) as Float32Array
  const grown = w.map((weight, i) => (i < w.length / 2 ? weight : weight * uneven))
  initializers.set('w', tensorOf('float32', weights.w, grown, 'w'))
  return { ...model, graph: { ...model.graph, initializers } }
}

/** The model in integers wherever there is a kernel, what it runs, and by how much that is off. */
async function quantizedModel(model: Model, options: StaticInt8Options, channels: ChannelsReport['values'] = {}) {
  const feeds = { x: randomValue([2, 8, 12, 10], 3, 3) }
  const seen: ChannelsReport = {
    kind: 'channels',
    version: 1,
    samples: 1,
    dataDigest: 'none',
    unseen: [],
    values: channels,
  }
  const evidence = [{ report: await rangesOf(model, feeds) }, { report: seen }]
  const all = { placement: 'everywhere', ...options } as const
  const { codes } = planOf(model, all, evidence)
  const { model: after, report } = await quantizeStaticInt8.run(model, all, evidence)
  const exact = await runOnce(model, feeds)
  const [plain, fused] = [await runOnce(after, feeds, 'disabled'), await runOnce(after, feeds)]
  return {
    codes,
    report,
    after,
    kernels: await kernelsOf(after),
    noise: decibels(exact.y!, fused.y!),
    asWritten: decibels(plain.y!, fused.y!),
  }
}

const quantized = (body: string, slopes: readonly number[], options: StaticInt8Options = {}, dims?: number[]) =>
  quantizedModel(modelOf(body, slopes, dims), options)

const BETWEEN = 'a = Conv<pads = [1,1,1,1]>(x, w, b)  p = PRelu(a, s)  y = Conv(p, v)'

describe('a slope a channel between integer products', () => {
  test.each([
    ['at most 1', gentle, { QLinearConv: 3, Max: 1 }, 'Min'],
    ['at least 1', steep, { QLinearConv: 3, Min: 1 }, 'Max'],
    ['on both sides of 1', mixed, { QLinearConv: 4, Max: 1, Min: 1 }, 'PRelu'],
    ['0 in a channel', gentle.with(3, 0), { QLinearConv: 3, Max: 1 }, 'Min'],
  ])('of %s: nothing is left in float between them', async (_, slopes, kernels, absent) => {
    const { kernels: found, report, noise, asWritten } = await quantized(BETWEEN, slopes)
    expect(found).toMatchObject(kernels)
    for (const operator of ['PRelu', 'Mul', 'Conv', absent]) expect(found[operator]).toBeUndefined()
    expect(found).toMatchObject({ QuantizeLinear: 1, DequantizeLinear: 1 })
    expect(report.planned).toEqual({ QLinearConv: kernels.QLinearConv })
    expect(report.refused).toEqual([])
    expect(noise).toBeGreaterThan(35)
    expect(asWritten).toBeGreaterThan(40)
  })

  test('the codes of the value are those of the result, wide enough for slopes below zero', async () => {
    // Every number below zero comes out three times as large above it.
    const { codes, noise } = await quantized(BETWEEN, new Array<number>(CHANNELS).fill(-3))
    expect(codes.get('a')).toEqual(codes.get('p'))
    expect(noise).toBeGreaterThan(30)
  })

  test('codes of another scale in front are brought to those of the result', async () => {
    // A pool hands on the codes of what it reads, which do not hold what slopes of −3 make of them.
    const { codes, kernels, noise } = await quantized(
      'c = Conv<pads = [1,1,1,1]>(x, w, b)  a = MaxPool<kernel_shape = [2,2]>(c)  p = PRelu(a, s)  y = Conv(p, v)',
      new Array<number>(CHANNELS).fill(-30),
    )
    expect(codes.get('a')).not.toEqual(codes.get('p'))
    expect(kernels).toMatchObject({ QLinearConv: 4, Max: 1 })
    expect(noise).toBeGreaterThan(30)
  })

  test('a value that is read in float as well keeps its name there', async () => {
    const { kernels, noise } = await quantized(
      'a = Conv<pads = [1,1,1,1]>(x, w, b)  p = PRelu(a, s)  q = Conv(p, v)  e = Erf(p)  m = ReduceMean(e)  y = Add(q, m)',
      gentle,
      { keepFloat: ['y'] },
    )
    expect(kernels).toMatchObject({ QLinearConv: 3, Max: 1, Erf: 1 })
    expect(noise).toBeGreaterThan(30)
  })

  test('channels with multipliers of their own pass through', async () => {
    const model = modelOf(BETWEEN, gentle, undefined, 1 / 64)
    const narrow = (c: number) => (c < CHANNELS / 2 ? 1 : 1 / 64)
    const share = (of: number) => Array.from({ length: CHANNELS }, (_, c) => of * narrow(c))
    const ends = { axis: 1, mean: share(0), min: share(-9), max: share(9), reach: share(9) } as const
    const plain = await quantizedModel(model, {})
    const { codes, noise, kernels } = await quantizedModel(model, { equalise: 1 }, { a: ends, p: ends })
    expect(kernels).toMatchObject({ QLinearConv: 3, Max: 1 })
    expect(codes.get('p')!.channels).toEqual(codes.get('a')!.channels)
    expect(new Set(codes.get('a')!.channels).size).toBe(2)
    expect(noise).toBeGreaterThan(plain.noise - 1)
  })

  test('the portable form is as it is here: kernels of one channel a group add in 32 bits', async () => {
    const { kernels } = await quantized(BETWEEN, gentle, { target: 'portable' })
    expect(kernels).toMatchObject({ QLinearConv: 3, Max: 1 })
  })
})

test.each([
  ['one for every place', gentle.slice(0, 10), [10], 'its slopes are not one a channel of a picture'],
  ['one for all', [0.2], [1], 'its slopes are not one a channel of a picture'],
  ['not finite', gentle.with(2, Number.NaN), [CHANNELS, 1, 1], 'its slopes are not finite'],
])('slopes that are %s stay in float', async (_, slopes, dims, reason) => {
  const { report, after } = await quantized(BETWEEN, slopes, {}, dims)
  expect(report.refused).toContainEqual({ node: 'p', reason })
  expect(after.graph.nodes.map(operatorName)).toContain('PRelu')
})
