import { expect, test } from 'vitest'
import { modelWith, randomValue, rangesOf } from '../../../tests/quantize-kit.ts'
import { kernelCosts } from './kernel-costs.ts'

test('a product is found among the kernels where the runtime fuses it with its bias, and with what follows', async () => {
  const model = modelWith(
    'g (float[1,32,64] x) => (float y) { m = MatMul(x, w) a = Add(m, b) r = Relu(a) n = MatMul(r, v) y = Add(n, c) }',
    { w: [64, 128], b: [128], v: [128, 64], c: [64] },
  )
  const feeds = { x: randomValue([1, 32, 64], 3) }
  const costs = await kernelCosts(model, await rangesOf(model, feeds), feeds)
  const products = costs!.nodes.filter(({ name }) => name === 'm' || name === 'n')
  expect(products.map(({ name }) => name)).toEqual(['m', 'n'])
  for (const { floatMs, integerMs } of products) {
    expect(floatMs).toBeGreaterThan(0)
    expect(integerMs).toBeGreaterThan(0)
  }
}, 60_000)
