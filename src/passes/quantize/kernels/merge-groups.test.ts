import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { checkModel, intAttribute } from '../../../ir/index.ts'
import { productSafety } from '../portable.ts'
import { mergeGroups } from './merge-groups.ts'

async function quantized(inputs: number, outputs: number, group: number, options: object = {}) {
  const model = modelWith(
    `g (float[2,${inputs},9,8] x) => (float y) { h = Conv(x, u) c = Conv<group = ${group}, pads = [1, 1, 1, 1]>(h, w, b) y = Conv(c, v) }`,
    {
      u: [inputs, inputs, 1, 1],
      w: [outputs, inputs / group, 3, 3],
      b: [outputs],
      v: [16, outputs, 1, 1],
    },
  )
  const feeds = { x: randomValue([2, inputs, 9, 8], 3) }
  const before = (await inIntegers(model, feeds, options)).model
  const { model: after, report } = await mergeGroups.run(before, {}, [])
  const groups = after.graph.nodes.map((node) => (node.opType === 'Conv' ? intAttribute(node, 'group', 1) : 1))
  return { before, after, report, feeds, groups: Math.max(...groups) }
}

test.each([
  ['few channels in all: one group', 64, 64, 32, 1],
  ['up to 32 channels', 128, 128, 32, 4],
  ['more made than read', 96, 192, 24, 6],
  ['no group is left over', 144, 144, 18, 6],
])('%s; the same sums to the bit', async (_, inputs, outputs, group, left) => {
  const { before, after, report, feeds, groups } = await quantized(inputs, outputs, group)
  expect(report.applied).toBe(1)
  expect(groups).toBe(left)
  expect(checkModel(after)).toEqual([])
  expect((await kernelsOf(after)).QLinearConv).toBe(3)
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
})

test.each([
  ['no groups', 32, 32, 1],
  ['a group a channel', 128, 128, 128],
  ['wide groups', 128, 128, 4],
])('%s: left alone', async (_, inputs, outputs, group) => {
  const { before, after } = await quantized(inputs, outputs, group)
  expect(after).toBe(before)
})

test('weights that are safe everywhere are so afterwards, or stay in their groups', async () => {
  const { after, report } = await quantized(96, 96, 32, { target: 'portable' })
  expect(report.applied + report.refused.length).toBe(1)
  for (const { node, unsafe } of productSafety(after)) expect([node, unsafe]).toEqual([node, []])
})
