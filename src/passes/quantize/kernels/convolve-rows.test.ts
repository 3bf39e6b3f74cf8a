import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, optimizedBy, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { intsAttribute, type Model } from '../../../ir/index.ts'
import { productSafety } from '../portable.ts'
import { convolveRows } from './convolve-rows.ts'
import { convolveTiles } from './convolve-tiles.ts'
import { depthInTiles } from './depth-in-tiles.ts'

/** Sizes that are not known count as 64 by 64 places, so that small pictures show what is done with large ones. */
const UNKNOWN = 'float[N,16,H,W]'

async function inRows(
  grow: string,
  v: readonly number[],
  channels: number,
  { input = UNKNOWN, portable = false } = {},
) {
  const model = modelWith(`g (${input} x) => (float y) { h = Conv(x, w) ${grow} r = Relu(t) y = Conv(r, u) }`, {
    w: [16, 16, 1, 1],
    v,
    b: [grow.includes('DepthToSpace') ? v[0]! : channels],
    u: [16, channels, 1, 1],
  })
  const feeds = { x: randomValue([input === UNKNOWN ? 2 : 1, 16, 6, 5], 3) }
  let before = (await inIntegers(model, feeds, { target: portable ? 'portable' : 'native' })).model
  for (const pass of [depthInTiles, convolveTiles]) before = (await pass.run(before, {}, [])).model
  const { model: after, report } = await convolveRows.run(before, {}, [])
  return { before, after, report, feeds }
}

/** The kernels that move rows of tiles one by one. */
const rowMoves = async (model: Model) =>
  (await optimizedBy(model, 'all')).graph.nodes.filter(
    (node) => node.opType === 'Transpose' && intsAttribute(node, 'perm', []).length === 5,
  ).length

/** Lines of the window of each row's convolution. */
const linesOf = (model: Model) =>
  [...model.graph.initializers]
    .filter(([name, { dims }]) => /_row\d/.test(name) && dims.length === 4)
    .map(([, { dims }]) => dims[2])

test.each([
  ['strides = [2, 2]', [2, 2], 8, [1, 1]],
  ['strides = [3, 2]', [3, 2], 16, [1, 1, 1]],
  // Windows that overlap: a row of a tile hears two lines of three, or one of two, or one that pads would have to replace.
  ['strides = [2, 2], pads = [1, 1, 1, 1]', [4, 4], 8, [2, 2]],
  ['strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]', [3, 3], 12, [1, 2]],
  ['strides = [3, 2], pads = [2, 2, 1, 1]', [6, 5], 16, [2, 2, 2]],
  ['strides = [2, 2]', [4, 4], 16, [2, 2]],
  ['strides = [2, 2], pads = [3, 0, 3, 0]', [4, 2], 16, [3, 3]],
  // A row that hears nothing but its bias.
  ['strides = [2, 2], output_padding = [1, 1]', [1, 1], 16, [1, 1]],
] as const)(
  'rows of tiles are made apart and joined, for the same bits: %s over %j',
  async (attributes, kernel, channels, lines) => {
    const grow = `t = ConvTranspose<${attributes}>(h, v, b)`
    const { before, after, report, feeds } = await inRows(grow, [16, channels, ...kernel], channels)
    expect(report.applied).toBe(1)
    expect(linesOf(after)).toEqual(lines)
    const [old, now] = [await kernelsOf(before), await kernelsOf(after)]
    expect(now).toMatchObject({ QLinearConv: old.QLinearConv! + lines.length - 1, Concat: (old.Concat ?? 0) + 1 })
    expect(now.Transpose).toBe(old.Transpose! - 1)
    expect([await rowMoves(before), await rowMoves(after)]).toEqual([1, 0])
    expect((await runOnce(after, feeds)).y).toEqual((await runOnce(before, feeds)).y)
  },
)

test('channels that become pixels are made by rows of these, too', async () => {
  const grow = 'c = Conv<pads = [1, 1, 1, 1]>(h, v, b) t = DepthToSpace<blocksize = 2, mode = "CRD">(c)'
  const { before, after, report, feeds } = await inRows(grow, [64, 16, 1, 1], 16)
  expect(report.applied).toBe(1)
  expect([await rowMoves(before), await rowMoves(after)]).toEqual([1, 0])
  expect((await runOnce(after, feeds)).y).toEqual((await runOnce(before, feeds)).y)
})

test.each([
  [
    'rows that fill a block worse than the tile does',
    't = ConvTranspose<strides = [2, 2], pads = [1, 1, 1, 1]>(h, v, b)',
    [16, 3, 4, 4],
    3,
    UNKNOWN,
    /takes no longer/,
  ],
  [
    'a small picture',
    't = ConvTranspose<strides = [2, 2]>(h, v, b)',
    [16, 16, 2, 2],
    16,
    'float[1,16,6,5]',
    /takes no longer/,
  ],
  [
    'channels that hear themselves alone',
    't = ConvTranspose<strides = [2, 2], group = 16>(h, v, b)',
    [16, 1, 2, 2],
    16,
    UNKNOWN,
    /groups/,
  ],
] as const)('left together: %s', async (_, grow, v, channels, input, reason) => {
  const { report } = await inRows(grow, v, channels, { input })
  expect(report.applied).toBe(0)
  expect(report.refused.map((refused) => refused.reason)).toEqual([expect.stringMatching(reason)])
})

test('rows that are tiles as they are have nothing to move', async () => {
  const { report } = await inRows('t = ConvTranspose<strides = [1, 2]>(h, v, b)', [16, 16, 1, 2], 16)
  expect([report.applied, report.refused]).toEqual([0, []])
})

test.each(['strides = [2, 2], pads = [1, 1, 1, 1]', 'strides = [2, 2]'])(
  'portable weights stay safe without their lines of zeros: %s',
  async (attributes) => {
    const grow = `t = ConvTranspose<${attributes}>(h, v, b)`
    const { after, report } = await inRows(grow, [16, 8, 4, 4], 8, { portable: true })
    expect(report.applied).toBe(1)
    const products = productSafety(after)
    expect(products).toHaveLength(4)
    for (const { node, unsafe } of products) expect([node, unsafe]).toEqual([node, []])
  },
)
