import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { expectEqualModels } from '../../../../tests/rewrite-kit.ts'
import { checkModel } from '../../../ir/index.ts'
import { productSafety } from '../portable.ts'
import { convolveAverages } from './convolve-averages.ts'

async function convolved(attributes: string, channels = 16, input = 'x') {
  const model = modelWith(
    `g (float[2,3,12,13] x) => (float y) { h = Conv(x, u) r = Relu(h) p = AveragePool<${attributes}>(r) y = Conv(p, w) }`,
    { u: [channels, 3, 1, 1], w: [8, channels, 1, 1] },
  )
  const feeds = { [input]: randomValue([2, 3, 12, 13], 3) }
  const before = (await inIntegers(model, feeds)).model
  const { model: after, report } = await convolveAverages.run(before, {}, [])
  return { model, before, after, report, feeds }
}

test.each([
  ['halved', 'kernel_shape = [2, 2], strides = [2, 2]'],
  ['padding counts', 'kernel_shape = [3, 3], pads = [1, 1, 1, 1], count_include_pad = 1'],
  ['overlapping', 'kernel_shape = [3, 2], strides = [2, 1]'],
  ['no gaps', 'kernel_shape = [2, 2], dilations = [1, 1]'],
  ['no padding', 'kernel_shape = [5, 5], auto_pad = "VALID"'],
])('%s: an integer convolution of the same means', async (_, attributes) => {
  const { model, before, after, report, feeds } = await convolved(attributes, 20)
  expect(report.applied).toBe(1)
  expect(checkModel(after)).toEqual([])
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ QLinearConv: 3 })
  expect(kernels).not.toHaveProperty('QLinearAveragePool')
  const [exact, old, made] = await Promise.all([model, before, after].map((one) => runOnce(one, feeds)))
  expect(made!.y!.dims).toEqual(old!.y!.dims)
  // Means that lie between two codes may go to either.
  expect(decibels(exact!.y!, made!.y!)).toBeGreaterThan(decibels(exact!.y!, old!.y!) - 0.2)
  await expectEqualModels(before, after, { tolerance: 0.05, samples: 1 })
  expect(productSafety(after).map(({ form }) => form)).toContain('exact')
})

test.each([
  ['padding left out', 'kernel_shape = [3, 3], pads = [1, 1, 1, 1]', /fewer taps/],
  ['padding chosen by the runtime', 'kernel_shape = [3, 3], auto_pad = "SAME_UPPER"', /fewer taps/],
  ['a ceiling', 'kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1', /ceiling/],
] as const)('refused: %s', async (_, attributes, reason) => {
  const { report } = await convolved(attributes)
  expect(report.applied).toBe(0)
  expect(report.refused[0]!.reason).toMatch(reason)
})

test('left alone: one window over the whole picture, and averages in float', async () => {
  const { report } = await convolved('kernel_shape = [12, 13]')
  expect(report).toMatchObject({ applied: 0, refused: [] })
  const float = modelWith('g (float[1,8,6,6] x) => (float y) { y = AveragePool<kernel_shape = [2, 2]>(x) }', {})
  expect((await convolveAverages.run(float, {}, [])).report.applied).toBe(0)
})

test('a window with gaps, which the integer average does not know', async () => {
  const { model, before, after, report, feeds } = await convolved('kernel_shape = [2, 2], dilations = [2, 3]')
  expect(report.applied).toBe(1)
  await expect(runOnce(before, feeds)).rejects.toThrow(/dilations/)
  const [exact, made] = await Promise.all([model, after].map((one) => runOnce(one, feeds)))
  expect(decibels(exact!.y!, made!.y!)).toBeGreaterThan(35)
})
