import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import type { Pass } from '../../rewrite/index.ts'
import { fillChannelBlocks } from './fill-channel-blocks.ts'

const fillForIntegers: Pass = {
  ...fillChannelBlocks,
  run: (given) => fillChannelBlocks.run(given, { integers: true }, []),
}

const model = (body: string, weights: Record<string, readonly number[]>, size = '6,5') =>
  modelWith(`g (float[1,3,${size}] x) => (float y) { ${body} }`, weights)

/** Channels that grow, are convolved each by itself, and shrink, as in all small networks for pictures. */
const ALONE = 'a = Conv(x, w, b) r = Relu(a) d = Conv<group = 24, pads = [1, 1, 1, 1]>(r, dw) y = Conv(d, v)'
const WEIGHTS = { w: [24, 3, 1, 1], b: [24], dw: [24, 1, 3, 3], v: [5, 24, 1, 1] }

test('channels that are convolved each by itself become whole blocks for integer kernels', async () => {
  const { before, after, report } = await rewriteWith(fillForIntegers, model(ALONE, WEIGHTS))
  expect(report.applied).toBe(1)
  const dims = after.graph.nodes.flatMap(({ opType, inputs }) =>
    opType === 'Conv' ? [after.graph.initializers.get(inputs[1]!)!.dims] : [],
  )
  expect(dims).toEqual([
    [32, 3, 1, 1],
    [32, 1, 3, 3],
    [5, 32, 1, 1],
  ])
  await expectEqualModels(before, after)
})

test('slopes of channels grow with them, and are reason enough', async () => {
  const { before, after, report } = await rewriteWith(
    fillForIntegers,
    model('a = Conv(x, w) p = PRelu(a, s) y = Conv(p, v)', { w: [24, 3, 1, 1], s: [24, 1, 1], v: [5, 24, 1, 1] }),
  )
  expect(report.applied).toBe(1)
  const slopes = after.graph.nodes.find(({ opType }) => opType === 'PRelu')!.inputs[1]!
  expect(after.graph.initializers.get(slopes)!.dims).toEqual([32, 1, 1])
  await expectEqualModels(before, after)
})

test('channels that are left over between eights are reason enough beside more that is multiplied', async () => {
  const beside = (channels: number) =>
    model(ALONE.replaceAll('24', String(channels)), {
      w: [channels, 3, 1, 1],
      b: [channels],
      dw: [channels, 1, 3, 3],
      v: [300, channels, 1, 1],
    })
  const { before, after, report } = await rewriteWith(fillForIntegers, beside(20))
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after)
  expect((await rewriteWith(fillForIntegers, beside(24))).report.applied).toBe(0)
})

test.each([
  ['nothing is convolved by itself', 'a = Conv(x, w, b) r = Relu(a) y = Conv(r, v)', WEIGHTS],
  ['much is multiplied beside it', ALONE, { ...WEIGHTS, v: [400, 24, 3, 3] }],
] as const)('left alone: %s', async (_, body, weights) => {
  expect((await rewriteWith(fillForIntegers, model(body, weights))).report.applied).toBe(0)
  expect((await rewriteWith(fillChannelBlocks, model(body, weights))).report.applied).toBe(1)
})

test('left alone where sizes are not known', async () => {
  expect((await rewriteWith(fillForIntegers, model(ALONE, WEIGHTS, 'H,W'))).report.applied).toBe(0)
})
