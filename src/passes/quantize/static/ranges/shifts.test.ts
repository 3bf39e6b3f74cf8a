import { expect, test } from 'vitest'
import {
  decibels,
  inIntegers,
  kernelsOf,
  modelWith,
  randomValue,
  rangesOf,
  runOnce,
} from '../../../../../tests/quantize-kit.ts'
import { randomSource } from '../../../../statistics/index.ts'
import { planOf, quantizeStaticInt8 } from '../quantize-static-int8.ts'
import { shiftedCodes } from './shifts.ts'

const everywhere = { placement: 'everywhere' } as const
const weights = { w: [16, 8, 1, 1], v: [16, 16, 3, 3], d: [16, 1, 3, 3], u: [16, 16, 1, 1], b: [16] }

/** `body` computes y from x; `by` is the number that it adds. */
async function quantized(body: string, by: number, keepFloat: readonly string[] = []) {
  const model = modelWith(`g (float[1,8,12,10] x) => (float y) <float l = {${by}}> { ${body} }`, weights)
  const feeds = { x: randomValue([1, 8, 12, 10], 3) }
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const options = { ...everywhere, keepFloat }
  const { codes, rest } = planOf(model, options, evidence)
  const { model: after } = await quantizeStaticInt8.run(model, options, evidence)
  const [exact, integers] = [await runOnce(model, feeds), await runOnce(after, feeds)]
  return { codes, rest, kernels: await kernelsOf(after), noise: decibels(exact.y!, integers.y!) }
}

test('the same codes under another zero point, and what is left, are the sum', () => {
  const random = randomSource(5)
  for (let i = 0; i < 200; i++) {
    const [scale, zeroPoint] = [0.01 + random.uniform(), random.below(256)]
    const by = (random.uniform() - 0.5) * 100 * scale
    const { codes, rest } = shiftedCodes({ scale, zeroPoint }, by)
    expect(codes.scale * (7 - codes.zeroPoint) + rest).toBeCloseTo(scale * (7 - zeroPoint) + by, 9)
    if (codes.zeroPoint > 0 && codes.zeroPoint < 255) expect(Math.abs(rest)).toBeLessThanOrEqual(scale / 2 + 1e-12)
  }
})

test.each([
  ['padded', 'y = Conv<pads = [1,1,1,1]>(z, v, b)'],
  ['padded and depthwise', 'y = Conv<pads = [1,1,1,1], group = 16>(z, d, b)'],
  ['without a bias', 'y = Conv(z, u)'],
])('a number added in front of a convolution, %s, takes no kernel', async (_, reader) => {
  for (const by of [-0.73, 0.011, 0.4]) {
    const { kernels, noise, codes } = await quantized(
      `a = Conv(x, w, b)  h = HardSwish(a)  z = Add(h, l)  ${reader}`,
      by,
    )
    expect(kernels).toMatchObject({ QLinearConv: 2, QLinearMul: 1 })
    expect(kernels.QLinearAdd).toBeUndefined()
    expect(kernels.Add).toBeUndefined()
    expect(codes.get('z')!.scale).toBe(codes.get('h')!.scale)
    expect(noise).toBeGreaterThan(30)
  }
})

test('a number of more axes than the value gives it more, and is added', async () => {
  const model = modelWith(
    'g (float[1,8,12] x) => (float y) <float[1,1,1,1] l = {0.4}> { h = Relu(x)  z = Add(h, l)  y = Conv(z, w) }',
    { w: [4, 1, 1, 1] },
  )
  const feeds = { x: randomValue([1, 8, 12], 3) }
  const { model: after } = await inIntegers(model, feeds)
  const [exact, integers] = [await runOnce(model, feeds), await runOnce(after, feeds)]
  expect(integers.y!.dims).toEqual([1, 4, 8, 12])
  expect(decibels(exact.y!, integers.y!)).toBeGreaterThan(30)
})

test('who reads floats has the sum itself', async () => {
  const { kernels, noise } = await quantized(
    `a = Conv(x, w, b)  h = Relu(a)  z = Add(h, l)  p = Conv<pads = [1,1,1,1]>(z, v, b)
     q = Conv<pads = [1,1,1,1], group = 16>(z, d)  y = Sub(p, q)`,
    -0.37,
    ['q'],
  )
  expect(kernels).toMatchObject({ QLinearConv: 2, Conv: 1 })
  expect(kernels.QLinearAdd).toBeUndefined()
  expect(noise).toBeGreaterThan(30)
})

test('where one reader is no product, the sum has codes of its own', async () => {
  const { kernels, noise } = await quantized(
    'a = Conv(x, w, b)  h = Relu(a)  z = Add(h, l)  p = Conv(z, u)  y = Mul(p, z)',
    -0.37,
  )
  expect(kernels).toMatchObject({ QLinearAdd: 1 })
  expect(noise).toBeGreaterThan(25)
})

test('a padding that would have no code is added as before', async () => {
  const far = 'a = Conv(x, w, b)  h = Relu(a)  z = Add(h, l)'
  expect((await quantized(`${far}  y = Conv<pads = [1,1,1,1]>(z, v, b)`, 50)).kernels).toMatchObject({ QLinearAdd: 1 })
  // Without a padding all of it goes into the bias, and no code is lost to it.
  const plain = await quantized(`${far}  y = Conv(z, u, b)`, 50)
  expect(plain.kernels.QLinearAdd).toBeUndefined()
  expect(plain.codes.get('z')!.scale).toBe(plain.codes.get('h')!.scale)
  expect(plain.rest('z')).not.toBe(0)
  expect(plain.noise).toBeGreaterThan(35)
})
