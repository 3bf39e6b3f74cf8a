import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { activateInBlocks } from './activate-in-blocks.ts'

const LOW = 'low = Constant<value_float = -0.1>()'
const model = (body: string, weights: Record<string, readonly number[]>) =>
  modelWith(`g (float[1,3,9,8] x) => (float y) { ${LOW} ${body} }`, weights)
const whole = { w: [16, 3, 3, 3], v: [16, 16, 1, 1] }

test.each([
  ['a Clip', 'c = Conv(x, w) l = LeakyRelu<alpha = 0.2>(c) m = Clip(l, low) y = Conv(m, v)', whole],
  ['a LeakyRelu', 'c = Conv(x, w) l = Tanh(c) m = LeakyRelu(l) y = Conv(m, v)', whole],
  [
    'one in front of a pool',
    'c = Conv(x, w) l = LeakyRelu(c) m = Clip(l, low) p = MaxPool<kernel_shape = [2, 2]>(m) y = Conv(p, v)',
    whole,
  ],
  [
    'one of broken blocks',
    'c = Conv(x, w) l = LeakyRelu(c) m = Clip(l, low) y = Conv(m, v)',
    { w: [24, 3, 3, 3], v: [16, 24, 1, 1] },
  ],
] as const)('%s behind an activation stays in blocks, exactly', async (_, body, weights) => {
  const { before, after, report } = await rewriteWith(activateInBlocks, model(body, weights))
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after, { tolerance: 0 })
  const [plain, blocked] = [await kernelsOf(before), await kernelsOf(after)]
  expect(blocked.ReorderOutput).toBeLessThan(plain.ReorderOutput!)
  expect(blocked).not.toHaveProperty('Clip')
  expect(blocked).not.toHaveProperty('LeakyRelu')
})

test.each([
  ['the only activation', 'c = Conv(x, w) m = Clip(c, low) y = Conv(m, v)', whole],
  ['what has a blocked kernel', 'c = Conv(x, w) l = LeakyRelu(c) m = Relu(l) y = Conv(m, v)', whole],
  ['a reader in plain order', 'c = Conv(x, w) l = LeakyRelu(c) m = Clip(l, low) y = Softmax(m)', whole],
  [
    'the first is read elsewhere',
    'c = Conv(x, w) l = LeakyRelu(c) m = Clip(l, low) s = Add(m, l) y = Conv(s, v)',
    whole,
  ],
  [
    'a pool of broken blocks',
    'c = Conv(x, w) l = LeakyRelu(c) m = Clip(l, low) y = MaxPool<kernel_shape = [2, 2]>(m)',
    { w: [24, 3, 3, 3] },
  ],
] as const)('no tap for %s', async (_, body, weights) => {
  expect((await rewriteWith(activateInBlocks, model(body, weights))).report.applied).toBe(0)
})
