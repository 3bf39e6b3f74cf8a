import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { productSafety } from '../portable.ts'
import { convolveTiles } from './convolve-tiles.ts'

async function quantized(attributes: string, kernel: readonly [number, number], batch = 1, channels = 8) {
  const [height, width] = kernel
  const single = attributes.includes('group')
  const model = modelWith(
    `g (float[${batch},16,6,5] x) => (float y) { h = Conv(x, w) t = ConvTranspose<${attributes}>(h, v, b) r = Relu(t) y = Conv(r, u) }`,
    {
      w: [single ? channels : 16, 16, 1, 1],
      v: single ? [channels, 1, height, width] : [16, channels, height, width],
      b: [channels],
      u: [16, channels, 1, 1],
    },
  )
  const feeds = { x: randomValue([batch, 16, 6, 5], 3) }
  const { model: before, report: plan } = await inIntegers(model, feeds)
  const { model: after, report } = await convolveTiles.run(before, {}, [])
  return { model, before, after, plan, report, feeds }
}

test.each([
  [[2, 2], 1],
  [[3, 2], 2],
] as const)('tiles of %j from a batch of %i are convolved in integers and laid side by side', async (kernel, batch) => {
  const strides = `strides = [${kernel.join()}]`
  const { model, before, after, plan, report, feeds } = await quantized(strides, kernel, batch)
  expect(plan.planned).toEqual({ QLinearConv: 3 })
  expect(report.applied).toBe(1)
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ QLinearConv: 3, QuantizeLinear: 1 })
  expect(kernels).not.toHaveProperty('ConvTranspose')
  expect(kernels).not.toHaveProperty('Conv')
  // Of the five, two bring the input to channels last and the output back, and one lays the tiles.
  expect(kernels.Transpose).toBe(3)
  const [exact, codes, tiles] = await Promise.all([model, before, after].map((one) => runOnce(one, feeds)))
  expect(tiles!.y!.dims).toEqual(exact!.y!.dims)
  expect(decibels(codes!.y!, tiles!.y!)).toBeGreaterThan(45)
  expect(decibels(exact!.y!, tiles!.y!)).toBeGreaterThan(27)
})

test.each([
  ['strides = [2, 2], pads = [1, 1, 1, 1]', [4, 4], 3],
  ['strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]', [3, 3], 3],
  ['strides = [2, 2], pads = [0, 0, 1, 1]', [3, 3], 3],
  ['strides = [3, 2], pads = [2, 2, 1, 1]', [6, 5], 3],
  ['strides = [2, 1], pads = [2, 1, 2, 1]', [6, 3], 3],
  ['strides = [4, 4], output_padding = [1, 2]', [3, 2], 3],
  ['pads = [1, 1, 1, 1]', [3, 3], 0],
  // More or fewer tiles than the input has places.
  ['strides = [2, 2]', [4, 4], 3],
  ['strides = [2, 2], pads = [3, 3, 3, 3]', [4, 4], 3],
  ['strides = [2, 2], pads = [1, 2, 2, 3]', [5, 5], 3],
  ['strides = [2, 2], output_padding = [1, 1], pads = [0, 1, 0, 1]', [5, 5], 3],
  ['pads = [1, 0, 0, 2]', [3, 3], 0],
] as const)('windows that overlap or leave gaps: %s over %j', async (attributes, kernel, transposes) => {
  const { model, before, after, plan, report, feeds } = await quantized(attributes, kernel, 2)
  expect(plan.planned).toEqual({ QLinearConv: 3 })
  expect(report.applied).toBe(1)
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ QLinearConv: 3, QuantizeLinear: 1 })
  expect(kernels.Transpose ?? 0).toBe(Math.max(transposes, 2))
  const [exact, codes, tiles] = await Promise.all([model, before, after].map((one) => runOnce(one, feeds)))
  expect(tiles!.y!.dims).toEqual(exact!.y!.dims)
  expect(decibels(codes!.y!, tiles!.y!)).toBeGreaterThan(45)
  expect(decibels(exact!.y!, tiles!.y!)).toBeGreaterThan(27)
})

test.each([
  ['strides = [2, 2], pads = [1, 1, 1, 1]', [4, 4], 12],
  ['strides = [2, 2], pads = [1, 1, 1, 1]', [4, 4], 48],
  ['strides = [3, 2], pads = [2, 2, 1, 1]', [6, 5], 64],
  ['strides = [2, 2]', [2, 2], 40],
  ['pads = [1, 1, 1, 1]', [3, 3], 16],
] as const)(
  'channels that hear themselves alone are there for each place of a tile: %s over %j, %i of them',
  async (attributes, kernel, channels) => {
    const grouped = `group = ${channels}, ${attributes}`
    const { model, before, after, plan, report, feeds } = await quantized(grouped, kernel, 2, channels)
    expect(plan.planned).toEqual({ QLinearConv: 3 })
    expect(report.applied).toBe(1)
    const kernels = await kernelsOf(after)
    expect(kernels).toMatchObject({ QLinearConv: 3, QuantizeLinear: 1, DequantizeLinear: 1 })
    expect(kernels).not.toHaveProperty('ConvTranspose')
    const weights = [...after.graph.initializers].filter(([name]) => name.includes('tiled')).map(([, { dims }]) => dims)
    expect(weights.filter((dims) => dims.length === 4).map((dims) => dims[1])).toEqual([1])
    const [exact, codes, tiles] = await Promise.all([model, before, after].map((one) => runOnce(one, feeds)))
    expect(tiles!.y!.dims).toEqual(exact!.y!.dims)
    expect(decibels(codes!.y!, tiles!.y!)).toBeGreaterThan(45)
    expect(decibels(exact!.y!, tiles!.y!)).toBeGreaterThan(27)
  },
)

test('groups of several channels stay in float', async () => {
  const model = modelWith(
    'g (float[1,16,6,5] x) => (float y) { h = Conv(x, w) [t] t = ConvTranspose<group = 4, strides = [2, 2]>(h, v) y = Conv(t, u) }',
    { w: [16, 16, 1, 1], v: [16, 2, 2, 2], u: [16, 8, 1, 1] },
  )
  const { report } = await inIntegers(model, { x: randomValue([1, 16, 6, 5], 3) })
  expect(report.refused.find(({ node }) => node === 't')?.reason).toMatch(/no integer kernel that pays/)
})

test.each([
  ['strides = [2, 2]', [3, 3], /no whole number of tiles/],
  ['strides = [2, 2], pads = [1, 0, 0, 0]', [2, 2], /no whole number/],
  ['strides = [2, 2], output_padding = [1, 1]', [2, 2], /no whole number/],
  ['strides = [2, 2], dilations = [2, 2]', [2, 2], /no whole number/],
  ['pads = [3, 0, 0, 0]', [3, 3], /cut off more/],
  ['strides = [2, 2], pads = [0, 0, 4, 4]', [4, 4], /cut off more/],
] as const)('in float: %s over %j', async (attributes, kernel, reason) => {
  const { plan, report } = await quantized(attributes, kernel)
  expect(report.applied).toBe(0)
  expect(plan.planned).toEqual({ QLinearConv: 2 })
  expect(plan.refused.find(({ node }) => node === 't')?.reason).toMatch(reason)
})

test.each([
  ['strides = [2, 2]', 2],
  ['strides = [2, 2], pads = [1, 1, 1, 1]', 4],
  ['strides = [2, 2], pads = [1, 1, 1, 1], group = 16', 4],
])('portable weights stay safe where tiles turn them around: %s', async (attributes, size) => {
  const model = modelWith(
    `g (float[1,16,6,5] x) => (float y) { h = Conv(x, w) t = ConvTranspose<${attributes}>(h, v) y = Conv(t, u) }`,
    attributes.includes('group')
      ? { w: [16, 16, 1, 1], v: [16, 1, size, size], u: [16, 16, 1, 1] }
      : { w: [16, 16, 1, 1], v: [16, 8, size, size], u: [16, 8, 1, 1] },
  )
  const before = await inIntegers(model, { x: randomValue([1, 16, 6, 5], 3) }, { target: 'portable' })
  const { model: after, report } = await convolveTiles.run(before.model, {}, [])
  expect(report.applied).toBe(1)
  const products = productSafety(after)
  expect(products).toHaveLength(3)
  for (const { node, unsafe } of products) expect([node, unsafe]).toEqual([node, []])
})
