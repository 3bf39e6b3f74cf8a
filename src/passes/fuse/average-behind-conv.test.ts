import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { averageBehindConv } from './average-behind-conv.ts'

const WEIGHTS = { w: [16, 32, 1, 1], b: [16], odd: [12, 32, 1, 1], wide: [32, 32, 1, 1], three: [16, 32, 3, 3] }

const model = (body: string) => modelWith(`g (float[2,32,7,6] x) => (float y) { ${body} }`, WEIGHTS)

const SAME = 'kernel_shape = [3, 3], pads = [1, 1, 1, 1]'

test.each([
  ['padding counts', `${SAME}, count_include_pad = 1`],
  ['padding counts, chosen by the runtime', 'kernel_shape = [2, 3], auto_pad = "SAME_LOWER", count_include_pad = 1'],
  ['no padding', 'kernel_shape = [2, 3], strides = [1, 1]'],
  ['gaps', 'kernel_shape = [2, 2], dilations = [2, 1]'],
])('%s: the mean is a convolution that takes the bias', async (_, attributes) => {
  const { before, after, ops } = await rewriteWith(
    averageBehindConv,
    model(`p = AveragePool<${attributes}>(x) c = Conv(p, w, b) y = Relu(c)`),
  )
  expect(ops).toEqual(['Conv', 'Conv', 'Relu'])
  expect(after.graph.nodes.map(({ inputs }) => inputs.length)).toEqual([2, 3, 1])
  await expectEqualModels(before, after)
  expect(await kernelsOf(after)).not.toHaveProperty('Relu')
})

test.each(['w', 'odd'])('padding left out: the mean itself goes behind, and the bias stays (%s)', async (weights) => {
  const { before, after, ops } = await rewriteWith(
    averageBehindConv,
    model(`p = AveragePool<${SAME}>(x) y = Conv(p, ${weights}${weights === 'w' ? ', b' : ''})`),
  )
  expect(ops).toEqual(['Conv', 'AveragePool'])
  await expectEqualModels(before, after)
})

test.each([
  ['as many channels', `p = AveragePool<${SAME}>(x) y = Conv(p, wide)`],
  ['broken blocks', `p = AveragePool<${SAME}, count_include_pad = 1>(x) y = Conv(p, odd)`],
  ['a smaller picture', 'p = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(x) y = Conv(p, w)'],
  ['a convolution of a larger window', `p = AveragePool<${SAME}>(x) y = Conv(p, three)`],
] as const)('left alone: %s', async (_, body) => {
  const { report } = await rewriteWith(averageBehindConv, model(body))
  expect(report).toMatchObject({ applied: 0, refused: [] })
})

test.each([
  ['read elsewhere', `p = AveragePool<${SAME}>(x) c = Conv(p, w) q = Conv(p, w, b) y = Add(c, q)`, /read elsewhere/],
  ['weights that are computed', `v = Abs(w) p = AveragePool<${SAME}>(x) y = Conv(p, v)`, /no constant floats/],
] as const)('refused: %s', async (_, body, reason) => {
  const { report, reasons } = await rewriteWith(averageBehindConv, model(body))
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})
