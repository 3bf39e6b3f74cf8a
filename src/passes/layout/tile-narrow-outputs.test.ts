import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, opsOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { tileNarrowOutputs } from './tile-narrow-outputs.ts'

const LAID = ['Transpose', 'Reshape', 'Transpose', 'Reshape']

/** A convolution of these weights, with something behind it. */
const network = (
  weights: readonly number[],
  attributes = '',
  behind = 'y = Relu(c)',
  shape = `N,${weights[1]},48,48`,
) =>
  modelWith(`g (float[${shape}] x) => (float y) { c = Conv${attributes}(x, w, b) ${behind} }`, {
    w: weights,
    b: [weights[0]!],
  })

test.each([
  ['one channel', [1, 32, 3, 3], '<pads = [1, 1, 1, 1]>', [16, 32, 6, 6]],
  ['three channels', [3, 32, 3, 3], '<pads = [1, 1, 1, 1]>', [12, 32, 4, 4]],
  ['a wide window', [8, 8, 1, 39], '<auto_pad = "SAME_UPPER">', [64, 8, 1, 46]],
  ['an even window, padded by the runtime', [1, 32, 4, 4], '<auto_pad = "SAME_LOWER">', [16, 32, 7, 7]],
  ['steps of its own', [1, 32, 5, 5], '<strides = [2, 2], pads = [2, 1, 1, 2]>', [16, 32, 11, 11]],
  ['padding on one side', [2, 32, 3, 3], '<pads = [2, 0, 0, 2]>', [16, 32, 6, 4]],
] as const)('%s: the same numbers, several pixels at once', async (_, weights, attributes, tiled) => {
  const { before, after } = await rewriteWith(tileNarrowOutputs, network(weights, attributes))
  expect(opsOf(after)).toEqual(['Conv', 'Relu', ...LAID])
  expect(after.graph.initializers.get(after.graph.nodes[0]!.inputs[1]!)?.dims).toEqual(tiled)
  await expectEqualModels(before, after, { samples: 1 })
})

test.each([
  ['no activation', 'y = Neg(c)', ['Conv', ...LAID, 'Neg']],
  ['limits', 'low = Constant<value_float = -1.0>() y = Clip(c, low)', ['Conv', 'Constant', 'Clip', ...LAID]],
  ['two readers', 'r = Relu(c) y = Add(r, c)', ['Conv', ...LAID, 'Relu', 'Add']],
] as const)('%s behind it', async (_, behind, ops) => {
  const { before, after } = await rewriteWith(tileNarrowOutputs, network([1, 32, 3, 3], '', behind, '1,32,50,50'))
  expect(opsOf(after)).toEqual(ops)
  await expectEqualModels(before, after, { samples: 1 })
})

test('a picture of no whole tiles is cut out of them', async () => {
  for (const attributes of [
    '<pads = [1, 1, 1, 1]>',
    '<pads = [1, 2, 3, 0], strides = [2, 2]>',
    '<auto_pad = "SAME_UPPER">',
  ]) {
    const { before, after } = await rewriteWith(
      tileNarrowOutputs,
      network([1, 32, 3, 3], attributes, 'y = Relu(c)', '1,32,71,73'),
    )
    expect(opsOf(after)).toEqual(['Conv', 'Relu', ...LAID, 'Slice'])
    await expectEqualModels(before, after, { samples: 1 })
  }
})

test('the runtime takes the activation in, and brings the tiles out of blocks channels last', async () => {
  const plain = network([1, 32, 3, 3], '<pads = [1, 1, 1, 1]>')
  const { after } = await rewriteWith(tileNarrowOutputs, plain)
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ Conv: 1, ReorderOutput: 1, Transpose: 1 })
  expect(kernels).not.toHaveProperty('Relu')
})

test.each([
  ['many channels', network([9, 32, 3, 3])],
  ['one tap', network([1, 32, 1, 1])],
  ['gaps', network([1, 32, 3, 3], '<dilations = [2, 2]>')],
  ['groups', network([4, 8, 3, 3], '<group = 4>', 'y = Relu(c)', '1,32,48,48')],
  ['a few pixels', network([8, 32, 3, 3], '<pads = [1, 1, 1, 1]>', 'y = Relu(c)', '1,32,4,4')],
  ['an unknown size', network([1, 32, 3, 3], '', 'y = Relu(c)', 'N,32,H,W')],
])('%s: left alone', async (_, model) => {
  expect((await rewriteWith(tileNarrowOutputs, model)).report.applied).toBe(0)
})
