import { expect, test } from 'vitest'
import { modelWith, randomValue, rangesOf } from '../../../../tests/quantize-kit.ts'
import { nodeLabel } from '../../../ir/index.ts'
import type { CostsReport, SensitivityReport } from '../../../report/index.ts'
import { quantizeStaticInt8, type StaticInt8Options } from '../static/quantize-static-int8.ts'

const noises = (of: Readonly<Record<string, number>>): SensitivityReport => ({
  kind: 'sensitivity',
  version: 1,
  sources: Object.entries(of).map(([name, noise]) => ({ kind: 'value', name, noise })),
  samples: 1,
})

/** So that integers save time wherever they may stand. */
const cheapIn = (nodes: readonly string[]): CostsReport => ({
  kind: 'costs',
  version: 1,
  cpu: 'any',
  runtime: 'any',
  threads: 1,
  borderNs: 0.01,
  nodes: nodes.map((name) => ({ name, operator: 'any', floatMs: 1, integerMs: 0.1 })),
})

async function quantized(text: string, options: StaticInt8Options, noise?: Readonly<Record<string, number>>) {
  const model = modelWith(text, { w: [16, 3, 3, 3], v: [16, 16, 3, 3], u: [16, 16, 1, 1] })
  const report = await rangesOf(model, { x: randomValue([1, 3, 16, 16], 5) })
  const costs = cheapIn(model.graph.nodes.map(nodeLabel))
  const evidence = [{ report }, { report: costs }, ...(noise ? [{ report: noises(noise) }] : [])]
  const { report: run } = await quantizeStaticInt8.run(model, options, evidence)
  return { planned: run.planned ?? {}, expectedNoise: run.expectedNoise, left: run.refused.map(({ node }) => node) }
}

test.each(['products', 'everywhere', 'balanced'] as const)(
  'what is read behind a pool and a layout has the rounding of what went in: %s',
  async (placement) => {
    const text = `g (float[1,3,16,16] x) => (float[1,16,2,2] y) {
      [first] a = Conv(x, w)
      p = MaxPool<kernel_shape = [2,2], strides = [2,2]>(a)
      s = Slice(p, zeros, fives, axes)
      [second] b = Conv(s, v)
      [third] y = Conv(b, u)
      zeros = Constant<value_ints = [1,1]>()
      fives = Constant<value_ints = [6,6]>()
      axes = Constant<value_ints = [2,3]>()
    }`
    const noise = { x: 1e-6, a: 0.5, b: 1e-6, y: 1e-6 }
    const all = await quantized(text, { placement, noiseBudget: 1 }, noise)
    expect(all.expectedNoise).toBeCloseTo(0.5)
    expect(all.planned).toMatchObject({ QLinearConv: 3 })
    const quiet = await quantized(text, { placement, noiseBudget: 0.01 }, noise)
    expect(quiet.expectedNoise).toBeLessThan(0.01)
    expect(quiet.left).toEqual(expect.arrayContaining(['first', 'second']))
    expect(quiet.planned).toMatchObject({ QLinearConv: 1 })
  },
)

test.each(['products', 'everywhere', 'balanced'] as const)(
  'within a budget of noise, what nobody can tell the noise of stays in float: %s',
  async (placement) => {
    const model = modelWith(
      'g (float[1,3,16,16] x) => (float y) { [first] a = Conv(x, w)  h = Sin(a)  [second] b = Conv(h, v)  [third] y = Conv(b, u) }',
      { w: [16, 3, 3, 3], v: [16, 16, 3, 3], u: [16, 16, 1, 1] },
    )
    const report = await rangesOf(model, { x: randomValue([1, 3, 16, 16], 5) })
    const unknown = ['x', 'a'].map((name) => ({ kind: 'value' as const, name, reason: 'it is a secret' }))
    const evidence = [
      { report },
      { report: cheapIn(model.graph.nodes.map(nodeLabel)) },
      { report: { ...noises({ h: 1e-6, b: 1e-6, y: 1e-6 }), unknown } },
    ]
    const plan = async (options: StaticInt8Options) => (await quantizeStaticInt8.run(model, options, evidence)).report
    expect((await plan({ placement })).planned).toMatchObject({ QLinearConv: 3 })
    const mixed = await plan({ placement, noiseBudget: 1 })
    expect(mixed.planned).toMatchObject({ QLinearConv: 2 })
    expect(mixed.refused).toContainEqual({
      node: 'first',
      reason: 'what its rounding does to the outputs cannot be told: it is a secret',
    })
  },
)

test.each(['everywhere', 'balanced'] as const)('codes are not made to be carried only: %s', async (placement) => {
  const text = `g (float[1,3,16,16] x) => (float y, float z) {
    e = Exp(x)
    t = Transpose<perm = [0,2,3,1]>(e)
    y = Reshape(t, flat)
    a = Conv(x, w)
    c = Transpose<perm = [0,2,3,1]>(a)
    z = Reshape(c, flat)
    flat = Constant<value_ints = [1,-1]>()
  }`
  const { planned } = await quantized(text, { placement })
  expect(planned.QLinearConv).toBe(1)
  expect(planned.Transpose ?? 0).toBeLessThanOrEqual(1)
  expect(planned.Reshape ?? 0).toBeLessThanOrEqual(1)
})

test('answers in another layout, side by side, are computed in float', async () => {
  const text = `g (float[1,3,16,16] x) => (float y) {
    a = Conv(x, w)
    [last] s = Sigmoid(a)
    t = Transpose<perm = [0,2,3,1]>(s)
    r = Reshape(t, flat)
    b = Conv(x, w)
    [inner] q = Sigmoid(b)
    m = Conv(q, u)
    n = Reshape(m, flat)
    y = Concat<axis = 1>(r, n)
    flat = Constant<value_ints = [1,-1]>()
  }`
  const { planned, left } = await quantized(text, { placement: 'everywhere' })
  expect(planned).toMatchObject({ QLinearConv: 3, QLinearSigmoid: 1 })
  expect(left).toContain('last')
  expect(left).not.toContain('inner')
})

test.each([
  [58, 'integers: blocks are made of fours alone', false],
  [60, 'float', true],
] as const)('a convolution of one channel a group between others, %s channels: %s', async (channels, _, float) => {
  const model = modelWith(
    `g (float[1,${channels},16,16] x) => (float[1,${channels},16,16] y) {
      [first] a = Conv(x, w)
      [depthwise] b = Conv<group = ${channels}, pads = [1,1,1,1]>(a, dw)
      [last] y = Conv(b, v)
    }`,
    { w: [channels, channels, 1, 1], dw: [channels, 1, 3, 3], v: [channels, channels, 1, 1] },
  )
  const report = await rangesOf(model, { x: randomValue([1, channels, 16, 16], 5) })
  const run = await quantizeStaticInt8.run(model, { placement: 'balanced' }, [{ report }])
  expect(run.report.refused.some(({ node }) => node === 'depthwise')).toBe(float)
})

test('a first convolution with a wide window makes tiles, so it is in integers as those behind it', async () => {
  const model = modelWith(
    `g (float[1,3,64,64] x) => (float[1,32,32,32] y) {
      [first] a = Conv<pads = [3,3,3,3]>(x, w)
      r = Relu(a)
      [second] y = Conv<strides = [2,2], pads = [1,1,1,1]>(r, v)
    }`,
    { w: [16, 3, 7, 7], v: [32, 16, 3, 3] },
  )
  const report = await rangesOf(model, { x: randomValue([1, 3, 64, 64], 5) })
  const run = await quantizeStaticInt8.run(model, { placement: 'balanced' }, [{ report }])
  expect(run.report.planned).toMatchObject({ QLinearConv: 2 })
  expect(run.report.refused).toEqual([])
})

/** What stays in float of a model by formulas alone. */
async function leftByFormulas(text: string, weights: Readonly<Record<string, number[]>>, x: number[]) {
  const model = modelWith(text, weights)
  const report = await rangesOf(model, { x: randomValue(x, 5) })
  const run = await quantizeStaticInt8.run(model, { placement: 'balanced' }, [{ report }])
  return run.report.refused.map(({ node }) => node)
}

test.each([
  [12, 'float: those that fill no eight go one by one in integers', true],
  [16, 'integers, as what is around it', false],
] as const)('a convolution of one channel a group in large pictures, %s channels: %s', async (channels, _, float) => {
  const left = await leftByFormulas(
    `g (float[1,32,64,64] x) => (float[1,32,64,64] y) {
      [first] a = Conv<pads = [1,1,1,1]>(x, w)
      [depthwise] b = Conv<group = ${channels}, pads = [1,1,1,1]>(a, dw)
      [last] y = Conv<pads = [1,1,1,1]>(b, v)
    }`,
    { w: [channels, 32, 3, 3], dw: [channels, 1, 3, 3], v: [32, channels, 3, 3] },
    [1, 32, 64, 64],
  )
  expect(left).toEqual(float ? ['depthwise'] : [])
})

test('a convolution of one tap reads no window, so few channels are not dear in integers', async () => {
  const layers = [0, 1, 2, 3, 4, 5]
  const left = await leftByFormulas(
    `g (float[1,16,64,64] x) => (float[1,16,1,1] y) {
      ${layers.map((k) => `c${k} = Conv(${k === 0 ? 'x' : `r${k - 1}`}, w) r${k} = Relu(c${k})`).join('\n')}
      y = GlobalAveragePool(r5)
    }`,
    { w: [16, 16, 1, 1] },
    [1, 16, 64, 64],
  )
  expect(left.filter((node) => node.startsWith('c'))).toEqual([])
})

test('what is no picture changes no layout where it is converted, so few rows are worth a product in integers', async () => {
  const left = await leftByFormulas(
    'g (float[1,49,64] x) => (float[1,49,256] y) { [product] m = MatMul(x, w) y = Erf(m) }',
    { w: [64, 256] },
    [1, 49, 64],
  )
  expect(left).not.toContain('product')
})
