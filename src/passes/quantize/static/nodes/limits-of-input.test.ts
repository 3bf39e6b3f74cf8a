import { expect, test } from 'vitest'
import { decibels, modelWith, randomValue, rangesOf, runOnce } from '../../../../../tests/quantize-kit.ts'
import { planOf, quantizeStaticInt8 } from '../quantize-static-int8.ts'
import { limitsOfInput } from './limits-of-input.ts'

/** Weights that saturate on no machine, so that noise is the same on each. */
const everywhere = { placement: 'everywhere', target: 'portable' } as const
const limits = 'lo = Constant<value_float = 0.0>() hi = Constant<value_float = 3.0>()'
const weights = { w: [16, 8, 3, 3], u: [16, 16, 1, 1] }
const feeds = { x: randomValue([1, 8, 12, 10], 3, 6) }

async function quantized(body: string, outputs = 'float y') {
  const model = modelWith(`g (float[1,8,12,10] x) => (${outputs}) { ${limits} ${body} }`, weights)
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const { model: after } = await quantizeStaticInt8.run(model, everywhere, evidence)
  const [exact, integers] = [await runOnce(model, feeds), await runOnce(after, feeds)]
  return {
    plan: planOf(model, everywhere, evidence),
    operators: after.graph.nodes.map(({ opType }) => opType),
    coded: after.graph.nodes.filter(({ opType }) => opType === 'QuantizeLinear').map(({ inputs }) => inputs[0]),
    noise: decibels(exact.y!, integers.y!),
  }
}

test('limits of an input are the ends of its codes', async () => {
  const { plan, operators, coded, noise } = await quantized('c = Clip(x, lo, hi)  a = Conv(c, w)  y = Conv(a, u)')
  expect(operators).not.toContain('Clip')
  // Nor what it alone read.
  expect(operators).not.toContain('Constant')
  expect(coded[0]).toBe('x')
  expect(noise).toBeGreaterThan(30)
  // Codes that reach beyond the limits do not make them.
  expect(limitsOfInput(plan, 'c', { scale: 3 / 255, zeroPoint: 0 })).not.toBeNull()
  expect(limitsOfInput(plan, 'c', { scale: 4 / 255, zeroPoint: 0 })).toBeNull()
  expect(limitsOfInput(plan, 'c', { scale: 3 / 255, zeroPoint: 10 })).toBeNull()
  expect(limitsOfInput(plan, 'a', { scale: 3 / 255, zeroPoint: 0 })).toBeNull()
})

test('they stay for whoever reads them as floats', async () => {
  const { operators, coded, noise } = await quantized(
    'c = Clip(x, lo, hi)  a = Conv(c, w)  y = Conv(a, u)  d = Elu(c)',
    'float y, float d',
  )
  expect(operators.filter((operator) => operator === 'Clip')).toHaveLength(1)
  expect(coded[0]).toBe('x')
  expect(noise).toBeGreaterThan(30)
})
