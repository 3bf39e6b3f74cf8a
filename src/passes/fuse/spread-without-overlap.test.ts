import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { operatorName } from '../../ir/index.ts'
import { spreadWithoutOverlap } from './spread-without-overlap.ts'

const model = (body: string, weights: Record<string, readonly number[]>) =>
  modelWith(`g (float[1,3,6,5] x) => (float y) { ${body} }`, weights)

test.each([
  ['with a bias', 'y = ConvTranspose<strides = [2, 2]>(x, w, b)', 2, ['Conv', 'DepthToSpace']],
  ['without', 'y = ConvTranspose<strides = [3, 3]>(x, w)', 3, ['Conv', 'DepthToSpace']],
  [
    'with an activation, which moves into the convolution',
    't = ConvTranspose<strides = [2, 2]>(x, w, b) y = Relu(t)',
    2,
    ['Conv', 'Relu', 'DepthToSpace'],
  ],
])('patches that do not overlap are products of one pixel: %s', async (_, body, step, expected) => {
  const { before, after, report } = await rewriteWith(
    spreadWithoutOverlap,
    model(body, { w: [3, 4, step, step], ...(body.includes('b)') && { b: [4] }) }),
  )
  expect(report.applied).toBe(1)
  expect(after.graph.nodes.map(operatorName)).toEqual(expected)
  await expectEqualModels(before, after)
})

test.each([
  ['overlapping patches', 'y = ConvTranspose<strides = [2, 2]>(x, w)', [3, 4, 3, 3], 0],
  ['gaps', 'y = ConvTranspose<strides = [3, 3]>(x, w)', [3, 4, 2, 2], 0],
  ['pads', 'y = ConvTranspose<strides = [2, 2], pads = [1, 1, 1, 1]>(x, w)', [3, 4, 2, 2], 1],
  ['output padding', 'y = ConvTranspose<strides = [2, 2], output_padding = [1, 1]>(x, w)', [3, 4, 2, 2], 1],
  ['groups', 'y = ConvTranspose<strides = [2, 2], group = 3>(x, w)', [3, 4, 2, 2], 1],
])('left alone: %s', async (_, body, w, refused) => {
  const { report } = await rewriteWith(spreadWithoutOverlap, model(body, { w }))
  expect(report.applied).toBe(0)
  expect(report.refused).toHaveLength(refused)
})
