import { expect, test } from 'vitest'
import { decibels, kernelsOf, modelWith, randomValue, rangesOf, runOnce } from '../../../../../tests/quantize-kit.ts'
import { planOf, quantizeStaticInt8 } from '../quantize-static-int8.ts'

const everywhere = { placement: 'everywhere' } as const
const weights = { w: [16, 16, 1, 1], v: [16, 16, 1, 1], b: [16], u: [8, 32, 1, 1], t: [8, 48, 1, 1], s: [1] }

async function planned(body: string) {
  const model = modelWith(`g (float[1,16,6,5] x) => (float y) { ${body} }`, weights)
  const feeds = { x: randomValue([1, 16, 6, 5], 3) }
  const evidence = [{ report: await rangesOf(model, feeds) }]
  const { codes } = planOf(model, everywhere, evidence)
  const { model: after } = await quantizeStaticInt8.run(model, everywhere, evidence)
  const [exact, integers] = [await runOnce(model, feeds), await runOnce(after, feeds)]
  return {
    codes: (name: string) => ({ scale: codes.get(name)!.scale, zeroPoint: codes.get(name)!.zeroPoint }),
    kernels: await kernelsOf(after),
    noise: decibels(exact.y!, integers.y!),
  }
}

test('parts that are about as wide have the codes of the whole, also through another Concat and what only moves', async () => {
  const { codes, kernels, noise } = await planned(
    `a = Conv(x, w, b) p = Relu(a) c = Conv(x, v, b) q = Relu(c) m = MaxPool<kernel_shape = [1, 1]>(q)
     j = Concat<axis = 1>(p, m) k = Concat<axis = 1>(j, p) y = Conv(k, t)`,
  )
  for (const part of ['p', 'q', 'm', 'j']) expect([part, codes(part)]).toEqual([part, codes('k')])
  expect(kernels).toMatchObject({ QLinearConv: 3, QLinearConcat: 2 })
  expect(noise).toBeGreaterThan(30)
})

test('a Relu keeps its codes where those of the whole go below zero, and the other part shares them', async () => {
  const { codes, kernels, noise } = await planned(
    'p = Conv(x, w, b) c = Conv(x, v, b) q = Relu(c) j = Concat<axis = 1>(p, q) y = Conv(j, u)',
  )
  expect(codes('p')).toEqual(codes('j'))
  expect(codes('q').zeroPoint).toBe(0)
  expect(codes('j').zeroPoint).toBeGreaterThan(0)
  expect(kernels).toMatchObject({ QLinearConv: 3, QLinearConcat: 1 })
  expect(noise).toBeGreaterThan(30)
})

test('a part that is much narrower keeps its codes, and so does a gate', async () => {
  const { codes } = await planned(
    `a = Conv(x, w, b) l = Constant<value_float = 0.1>() p = Mul(a, l) c = Conv(x, v, b) q = Sigmoid(c)
     j = Concat<axis = 1>(p, c, q) y = Conv(j, t)`,
  )
  expect(codes('c')).toEqual(codes('j'))
  expect(codes('p').scale).toBeLessThan(codes('j').scale / 2)
  expect(codes('q')).toEqual({ scale: Math.fround(1 / 255), zeroPoint: 0 })
})
