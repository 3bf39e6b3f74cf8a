import { expect, test } from 'vitest'
import { decibels, kernelsOf, modelWith, randomValue, rangesOf, runOnce } from '../../../../../tests/quantize-kit.ts'
import { randomSource } from '../../../../statistics/index.ts'
import { affineU8 } from '../../codes/affine.ts'
import { planOf, quantizeStaticInt8 } from '../quantize-static-int8.ts'
import { limitedCodes } from './limited-codes.ts'

/** Weights that saturate on no machine, so that noise is the same on each. */
const everywhere = { placement: 'everywhere', target: 'portable' } as const
const model = modelWith(
  'g (float[1,8,12,10] x) => (float y) { a = Conv(x, w, b)  k = Mul(a, s)  h = HardSwish(k)  y = Conv(h, u) }',
  { w: [16, 8, 3, 3], b: [16], s: [1, 16, 1, 1], u: [16, 16, 1, 1] },
)

async function quantized(spread: number, options: object) {
  const feeds = { x: randomValue([1, 8, 12, 10], 3, spread) }
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const { codes } = planOf(model, { ...everywhere, ...options }, evidence)
  const { model: after } = await quantizeStaticInt8.run(model, { ...everywhere, ...options }, evidence)
  const [exact, integers] = [await runOnce(model, feeds), await runOnce(after, feeds)]
  return { codes: codes.get('k')!, kernels: await kernelsOf(after), noise: decibels(exact.y!, integers.y!) }
}

test('codes between two limits are those of the gate, where -3 and 3 have codes of their own', () => {
  const random = randomSource(5)
  for (let i = 0; i < 200; i++) {
    const steps = 16 + random.below(100)
    const [scale, zeroPoint] = [3 / steps, random.below(256)]
    const limits = limitedCodes({ scale: Math.fround(scale), zeroPoint })
    if (zeroPoint < steps) {
      expect(limits).toBeNull()
      continue
    }
    for (let code = 0; code < 256; code++) {
      const gate = Math.min(1, Math.max(0, (scale * (code - zeroPoint)) / 6 + 1 / 2))
      const held = Math.min(limits!.high, Math.max(limits!.low, code))
      expect(limits!.under.scale * (held - limits!.under.zeroPoint)).toBeCloseTo(gate, 6)
    }
  }
})

test('limits between two codes are none', () => {
  expect(limitedCodes({ scale: Math.fround(3 / 40.4), zeroPoint: 128 })).toBeNull()
})

test('a HardSwish takes a Clip of codes in place of its table, and keeps as much', async () => {
  const [table, limits] = [await quantized(8, {}), await quantized(8, { curves: 'limits' })]
  expect(table.kernels).toMatchObject({ QLinearLeakyRelu: 1, QLinearMul: 2 })
  expect(table.kernels.Clip).toBeUndefined()
  expect(limits.kernels).toMatchObject({ Clip: 1, QLinearMul: 2 })
  expect(limits.kernels.QLinearLeakyRelu).toBeUndefined()
  expect(limits.noise).toBeGreaterThan(30)
  expect(limits.noise).toBeGreaterThan(table.noise - 1)
  // Coarser by less than a sixteenth, so that 3 is a whole number of steps.
  expect(limits.codes.scale).toBeLessThan(table.codes.scale * (1 + 1 / 16))
  expect(3 / limits.codes.scale).toBeCloseTo(Math.round(3 / limits.codes.scale), 3)
})

test('a gate that codes do not reach the lower end of keeps its table', async () => {
  const { kernels, codes } = await quantized(0.3, { curves: 'limits' })
  expect(kernels).toMatchObject({ QLinearLeakyRelu: 1, QLinearMul: 2 })
  expect(limitedCodes(codes)).toBeNull()
  expect(limitedCodes(affineU8({ min: -1, max: 1 }))).toBeNull()
})
