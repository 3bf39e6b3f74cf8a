import { describe, expect, test } from 'vitest'
import { decibels, kernelsOf, modelWith, randomValue, rangesOf, runOnce } from '../../../../tests/quantize-kit.ts'
import { operatorName } from '../../../ir/index.ts'
import { planOf, quantizeStaticInt8, type StaticInt8Options } from './quantize-static-int8.ts'

const everywhere = { placement: 'everywhere' } as const
const weights = { w: [16, 16, 3, 3], v: [16, 16, 1, 1], u: [16, 8, 1, 1], b: [16], s: [1] }

async function quantized(body: string, options: StaticInt8Options = everywhere) {
  const text = `g (float[1,16,12,10] x) => (float y) { h = Constant<value_ints = [8, 8]>() ${body} }`
  const model = modelWith(text, weights)
  const feeds = { x: randomValue([1, 16, 12, 10], 3) }
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const { codes } = planOf(model, options, evidence)
  const { model: after, report } = await quantizeStaticInt8.run(model, options, evidence)
  const [exact, plain, fused] = [
    await runOnce(model, feeds),
    await runOnce(after, feeds, 'disabled'),
    await runOnce(after, feeds),
  ]
  return {
    codes: (name: string) => ({ scale: codes.get(name)!.scale, zeroPoint: codes.get(name)!.zeroPoint }),
    report,
    after,
    kernels: await kernelsOf(after),
    noise: decibels(exact.y!, fused.y!),
    asWritten: decibels(plain.y!, fused.y!),
  }
}

const HALVES = 'a = Conv<pads = [1,1,1,1]>(x, w, b) p, q = Split<axis = 1>(a, h)'

describe.each(['Max', 'Min'])('%s of what convolutions make', (operator) => {
  test('compares the codes of two halves: nothing is left in float between the convolutions', async () => {
    const { codes, kernels, report, noise, asWritten } = await quantized(
      `${HALVES} m = ${operator}(p, q) y = Conv(m, u)`,
    )
    expect(kernels).toMatchObject({ QLinearConv: 2, [operator]: 1, QuantizeLinear: 1, DequantizeLinear: 1 })
    expect(report).toMatchObject({ planned: { QLinearConv: 2, Split: 1, [operator]: 1 }, refused: [] })
    for (const name of ['a', 'p', 'q']) expect(codes(name)).toEqual(codes('m'))
    expect(noise).toBeGreaterThan(35)
    expect(asWritten).toBeGreaterThan(50)
  })

  test('of three, and of one that is read elsewhere in float', async () => {
    const { kernels, noise } = await quantized(
      `a = Conv(x, v, b) c = Conv(x, v) d = Mul(x, x) m = ${operator}(a, c, d) f = Conv(m, v) e = Erf(m) y = Add(f, e)`,
      { ...everywhere, keepFloat: ['y'] },
    )
    expect(kernels).toMatchObject({ QLinearConv: 3, QLinearMul: 1, [operator]: 1, Erf: 1 })
    expect(noise).toBeGreaterThan(30)
  })

  test('what has codes of its own is brought to those of the whole by a table', async () => {
    const { kernels, noise } = await quantized(
      `a = Conv(x, v, b) g = Sigmoid(a) c = Conv(x, v) m = ${operator}(g, c) y = Conv(m, v)`,
    )
    expect(kernels).toMatchObject({ QLinearConv: 3, QLinearSigmoid: 1, QLinearLeakyRelu: 1, [operator]: 1 })
    expect(kernels).toMatchObject({ QuantizeLinear: 1, DequantizeLinear: 1 })
    expect(noise).toBeGreaterThan(30)
  })

  test('a Relu behind it is the end of its codes', async () => {
    const { codes, kernels, noise } = await quantized(`${HALVES} n = ${operator}(p, q) m = Relu(n) y = Conv(m, u)`)
    expect(kernels).toMatchObject({ QLinearConv: 2, [operator]: 1, QuantizeLinear: 1, DequantizeLinear: 1 })
    expect(kernels.Relu).toBeUndefined()
    expect(codes('a')).toMatchObject({ zeroPoint: 0 })
    expect(noise).toBeGreaterThan(30)
  })
})

test('codes go no lower than the greatest does, unless somebody else looks there', async () => {
  const alone = await quantized(`${HALVES} m = Max(p, q) y = Conv(m, u)`)
  const watched = await quantized(`${HALVES} m = Max(p, q) c = Conv(m, u) d = Conv(p, u) y = Add(c, d)`)
  expect(alone.codes('a').scale).toBeLessThan(watched.codes('a').scale)
  expect(watched.kernels).toMatchObject({ QLinearConv: 3, Max: 1, QLinearAdd: 1 })
  expect(watched.noise).toBeGreaterThan(30)
})

test('a limit stays in float, with the reason', async () => {
  const { report, after } = await quantized('a = Conv(x, v, b) m = Max(a, s) y = Conv(m, v)')
  expect(report.refused).toEqual([
    { node: 'm', reason: 'one side of it is constant: a limit, which codes need not hold' },
  ])
  expect(after.graph.nodes.map(operatorName)).toContain('Max')
})
