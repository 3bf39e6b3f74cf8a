import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../../tests/quantize-kit.ts'

/** Rows of which the first number is above `level` go through a product, a gate and a Softmax. */
const routed = () =>
  modelWith(
    `g (float[N,8] x) => (float[M,8] y) <int64 zero = {0}, int64[1] axes = {0}> {
      first = Gather<axis = 1>(x, zero) high = Greater(first, level) found = NonZero(high) row = Squeeze(found, axes)
      some = Gather(x, row) h = MatMul(some, w) s = Sigmoid(h) g = Mul(h, s) o = MatMul(g, w) p = Softmax(o)
      y = MatMul(p, w)
    }`,
    { w: [8, 8], level: [1] },
  )

test('what may have no rows is multiplied, and made shares of, in float: the integer kernels would end the process', async () => {
  const model = routed()
  const x = randomValue([32, 8], 3, 4)
  const { model: after, report } = await inIntegers(model, { x })
  const kernels = await kernelsOf(after)
  expect(kernels).not.toHaveProperty('QLinearSoftmax')
  expect(kernels).not.toHaveProperty('QLinearMul')
  const reason = expect.stringMatching(/may have no rows/)
  expect(report).toMatchObject({
    refused: expect.arrayContaining(['g', 'p'].map((node) => ({ node, reason }))),
  })
  const none = { ...x, dims: [1, 8], data: new Float32Array(8).fill(-100) }
  expect((await runOnce(after, { x: none })).y!.dims).toEqual([0, 8])
})
