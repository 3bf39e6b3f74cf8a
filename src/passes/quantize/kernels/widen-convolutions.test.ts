import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { checkModel } from '../../../ir/index.ts'
import { widenConvolutions } from './widen-convolutions.ts'

const network = (channels: number, body: string, size = 40) =>
  modelWith(`g (float[1,32,${size},${size}] x) => (float y) { ${body} }`, {
    w: [channels, 32, 3, 3],
    b: [channels],
    v: [8, channels, 1, 1],
  })

async function quantized(channels: number, body: string, size?: number, weightBits: 4 | 8 = 8) {
  const model = network(channels, body, size)
  const feeds = { x: randomValue([1, 32, size ?? 40, size ?? 40], 3) }
  const before = (await inIntegers(model, feeds, { weightBits })).model
  const { model: after, report } = await widenConvolutions.run(before, {}, [])
  return { before, after, report, feeds }
}

test.each([
  [4, 9, 16],
  [8, 9, 16],
  [8, 1, 16],
  [8, 17, 20],
] as const)(
  'weights of %i bits, %i channels: a broken block becomes a whole one, and not a bit of the answer changes',
  async (bits, channels, wide) => {
    const body = 'h = Conv<pads = [1, 1, 1, 1]>(x, w, b) y = Conv(h, v)'
    const { before, after, report, feeds } = await quantized(channels, body, 40, bits)
    expect(report.applied).toBe(1)
    expect(checkModel(after)).toEqual([])
    const widths = [...after.graph.initializers.values()]
      .filter(({ dtype }) => dtype === `int${bits}`)
      .map(({ dims }) => dims[0])
    expect(widths).toContain(wide)
    expect(widths).not.toContain(channels)
    expect((await kernelsOf(after)).QLinearConv).toBe((await kernelsOf(before)).QLinearConv)
    expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
  },
)

test.each([
  ['whole blocks', 16, 'y = Conv<pads = [1, 1, 1, 1]>(x, w, b)', 40, null],
  ['fours above one block', 20, 'y = Conv<pads = [1, 1, 1, 1]>(x, w, b)', 40, null],
  ['a small one', 9, 'y = Conv<pads = [1, 1, 1, 1]>(x, w, b)', 6, /too small/],
] as const)('%s: left alone', async (_, channels, body, size, reason) => {
  const { report } = await quantized(channels, body, size)
  expect(report.applied).toBe(0)
  if (reason) expect(report.refused.map((item) => item.reason).join()).toMatch(reason)
})
