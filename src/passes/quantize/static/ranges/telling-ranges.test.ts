import { expect, test } from 'vitest'
import { decibels, modelWith, rangesOf, runOnce } from '../../../../../tests/quantize-kit.ts'
import { indexGraph } from '../../../../ir/index.ts'
import { randomSource } from '../../../../statistics/index.ts'
import { rangeOfU8 } from '../../codes/affine.ts'
import { planOf, quantizeStaticInt8 } from '../quantize-static-int8.ts'
import { tellingRanges } from './telling-ranges.ts'

const everywhere = { placement: 'everywhere' } as const
const facts = { opset: 20, constant: () => undefined }
const limits = 'lo = Constant<value_float = -0.4>() hi = Constant<value_float = 0.5>()'
const weights = { w: [16, 8, 1, 1], u: [16, 16, 1, 1] }

/** Inputs from −60 to 20 in places, near zero mostly. */
function longTailed() {
  const random = randomSource(7)
  const data = Float32Array.from({ length: 8 * 120 }, () => {
    const value = random.uniform() - 0.5
    return random.below(12) === 0 ? (value < 0 ? 40 : 8) * value : value
  })
  return { x: { dtype: 'float32' as const, dims: [1, 8, 12, 10], data } }
}

async function planned(body: string) {
  const model = modelWith(`g (float[1,8,12,10] x) => (float y) { ${body} }`, weights)
  const feeds = longTailed()
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const { codes } = planOf(model, everywhere, evidence)
  const { model: after } = await quantizeStaticInt8.run(model, everywhere, evidence)
  const [exact, integers] = [await runOnce(model, feeds), await runOnce(after, feeds)]
  const seen = evidence[0]!.report.ranges.a!
  return { seen, reach: rangeOfU8(codes.get('a')!), noise: decibels(exact.y!, integers.y!) }
}

test.each([
  ['HardSwish', 'h = HardSwish(a)', -3, undefined],
  ['HardSigmoid', 'h = HardSigmoid<alpha: float = 0.25, beta: float = 0.5>(a)', -2, 2],
  ['Sigmoid', 'h = Sigmoid(a)', -9.7, 9.7],
  ['Tanh', 'h = Tanh(a)', -4.85, 4.85],
  ['Clip behind a pool', `${limits} p = MaxPool<kernel_shape = [2,2]>(a) h = Clip(p, lo, hi)`, -0.4, 0.5],
  ['LeakyRelu with a limit', `${limits} l = LeakyRelu<alpha: float = 0.2>(a) h = Clip(l, lo)`, -2, undefined],
])('codes in front of %s end where it is flat', async (_, curve, low, high) => {
  const { seen, reach, noise } = await planned(`a = Conv(x, w)  ${curve}  y = Conv(h, u)`)
  expect(seen.min).toBeLessThan(low - 0.5)
  const step = (reach.max - reach.min) / 255
  expect(reach.min).toBeLessThanOrEqual(low + 1e-6)
  expect(reach.min).toBeGreaterThanOrEqual(low - 3 * step)
  if (high !== undefined) {
    expect(reach.max).toBeGreaterThanOrEqual(Math.min(high, seen.max) - 1e-2)
    expect(reach.max).toBeLessThanOrEqual(high + 3 * step)
  } else expect(reach.max).toBeCloseTo(seen.max, 1)
  expect(noise).toBeGreaterThan(24)
})

test('all of it stays where another reader, or the output, can tell', async () => {
  for (const body of [
    'a = Conv(x, w)  h = HardSwish(a)  s = Add(a, h)  y = Conv(s, u)',
    'a = Conv(x, w)  s = Sigmoid(a)  y = Conv(a, u)  t = Conv(s, u)',
  ]) {
    const { seen, reach } = await planned(body)
    expect(reach.min).toBeCloseTo(seen.min, 0)
  }
  const model = modelWith('g (float[1,8,12,10] x) => (float a) { a = Conv(x, w)  h = HardSwish(a) }', weights)
  const ranges = new Map([['a', { min: -20, max: 4 }]])
  expect(tellingRanges(ranges, indexGraph(model.graph), facts).get('a')).toEqual({ min: -20, max: 4 })
})

test('all of it stays in front of a Resize that mixes it before a curve; not in front of one that repeats it', async () => {
  const resized = (mode: string) =>
    planned(`a = Conv(x, w)  s = Constant<value_floats = [1.0, 1.0, 2.0, 2.0]>()
             r = Resize<mode = "${mode}", coordinate_transformation_mode = "asymmetric">(a, , s)  h = Relu(r)  y = Conv(h, u)`)
  const linear = await resized('linear')
  expect(linear.reach.min).toBeCloseTo(linear.seen.min, 0)
  expect(linear.noise).toBeGreaterThan(24)
  const nearest = await resized('nearest')
  expect(nearest.reach.min).toBeGreaterThan(-1)
  expect(nearest.noise).toBeGreaterThan(24)
})

test('what is only moved is told apart by who reads it in the end', () => {
  const model = modelWith(
    'g (float[1,16,12,10] a) => (float h) { b = Transpose(a)  p = HardSwish(b)  q = HardSigmoid(b)  h = Mul(p, q) }',
    {},
  )
  const ranges = new Map(['a', 'b'].map((name) => [name, { min: -20, max: 4 }]))
  const told = tellingRanges(ranges, indexGraph(model.graph), facts)
  for (const name of ['a', 'b']) {
    expect(told.get(name)!.max).toBe(4)
    expect(told.get(name)!.min).toBeLessThan(-3)
    expect(told.get(name)!.min).toBeGreaterThan(-3.1)
  }
  // Dead all over: codes for the end alone.
  const dead = tellingRanges(new Map([['a', { min: -20, max: -5 }]]), indexGraph(model.graph), facts).get('a')!
  expect(dead.min).toBeLessThanOrEqual(-3)
  expect(dead.min).toBeGreaterThan(-3.1)
  expect(dead.max).toBe(-3)
})
