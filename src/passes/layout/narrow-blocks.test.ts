import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import type { ChannelBlock } from '../../report/index.ts'
import type { Pass } from '../../rewrite/index.ts'
import type { BlockOptions } from './block-pass.ts'
import { blockedNs } from './blocked-rates.ts'
import { convolveParts } from './convolve-parts.ts'
import { fillChannelBlocks } from './fill-channel-blocks.ts'
import { groupsInBlocks } from './groups-in-blocks.ts'
import { padInBlocks } from './pad-in-blocks.ts'
import { shiftInBlocks } from './shift-in-blocks.ts'
import { splitBrokenJoints } from './split-broken-joints.ts'
import { tileNarrowOutputs } from './tile-narrow-outputs.ts'

/** The pass where blocks have so many channels. */
const withBlocksOf = (block: ChannelBlock, pass: Pick<Pass<BlockOptions>, 'id' | 'summary' | 'run'>): Pass => ({
  id: pass.id,
  summary: pass.summary,
  run: (model) => pass.run(model, { block }, []),
})

const model = (body: string, weights: Record<string, readonly number[]>, size = '6,5') =>
  modelWith(`g (float[1,3,${size}] x) => (float y) { ${body} }`, weights)

const WHOLE = { w: [24, 3, 1, 1], c: [1, 24, 1, 1], v: [5, 24, 1, 1] }
const SPLIT = { w: [48, 3, 1, 1], v: [5, 24, 1, 1] }
const GROUPS = { w: [32, 3, 1, 1], k: [32, 4, 3, 3], v: [5, 32, 1, 1] }

test.each([
  ['shiftInBlocks', shiftInBlocks, 'a = Conv(x, w) b = Add(a, c) y = Conv(b, v)', WHOLE],
  [
    'convolveParts',
    convolveParts,
    'a = Conv(x, w) p, q = Split<axis = 1, num_outputs = 2>(a) m = Mul(p, q) y = Conv(m, v)',
    SPLIT,
  ],
] as const)('%s: 24 channels are whole blocks of 8, of 16 they are not', async (_, pass, body, weights) => {
  const source = model(body, weights)
  expect((await rewriteWith(withBlocksOf(16, pass), source)).report.applied).toBe(0)
  const { before, after, report } = await rewriteWith(withBlocksOf(8, pass), source)
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after)
})

test.each([8, 12])('%i channels beside few are a block of 8, of 16 they are not', async (channels) => {
  const source = model('a = Conv(x, w) j = Concat<axis = 1>(a, x) y = Conv<pads = [1, 1, 1, 1]>(j, v)', {
    w: [channels, 3, 1, 1],
    v: [5, channels + 3, 3, 3],
  })
  expect((await rewriteWith(withBlocksOf(16, splitBrokenJoints), source)).report.applied).toBe(0)
  const { before, after, ops } = await rewriteWith(withBlocksOf(8, splitBrokenJoints), source)
  expect(ops).toEqual(['Conv', 'Conv', 'Conv', 'Add'])
  await expectEqualModels(before, after)
})

test('channels of zeros are made in blocks where they are whole ones', async () => {
  const source = modelWith(
    `g (float[1,8,6,5] x) => (float y) <int64[8] pads = {0, 0, 0, 0, 0, 8, 0, 0}> {
       a = Conv(x, u) p = Pad(a, pads) b = Conv(a, w) s = Add(b, p) y = Conv(s, v) }`,
    { u: [8, 8, 1, 1], w: [16, 8, 1, 1], v: [5, 16, 1, 1] },
  )
  expect((await rewriteWith(withBlocksOf(16, padInBlocks), source)).report.applied).toBe(0)
  const { before, after, ops } = await rewriteWith(withBlocksOf(8, padInBlocks), source)
  expect(ops).not.toContain('Pad')
  await expectEqualModels(before, after)
})

test.each([
  [8, 20, 24],
  [16, 20, 32],
  [8, 12, 16],
  [16, 12, 16],
] as const)('blocks of %i: %i channels are filled to %i', async (block, channels, filled) => {
  const source = model('a = Conv(x, w) r = Relu(a) y = Conv(r, v)', {
    w: [channels, 3, 1, 1],
    v: [5, channels, 1, 1],
  })
  const { before, after } = await rewriteWith(withBlocksOf(block, fillChannelBlocks), source)
  expect([...after.graph.initializers.values()].map(({ dims }) => dims)).toContainEqual([filled, 3, 1, 1])
  await expectEqualModels(before, after)
})

test('24 channels are whole blocks of 8: nothing is filled', async () => {
  const source = model('a = Conv(x, w) y = Conv(a, v)', WHOLE)
  expect((await rewriteWith(withBlocksOf(8, fillChannelBlocks), source)).report.applied).toBe(0)
  expect((await rewriteWith(withBlocksOf(16, fillChannelBlocks), source)).report.applied).toBe(1)
})

test.each([
  [8, [32, 8, 3, 3]],
  [16, [32, 16, 3, 3]],
] as const)('groups of four are merged to blocks of %i', async (block, dims) => {
  const source = model('a = Conv(x, w) g = Conv<group = 8, pads = [1, 1, 1, 1]>(a, k) y = Conv(g, v)', GROUPS)
  const { before, after } = await rewriteWith(withBlocksOf(block, groupsInBlocks), source)
  expect([...after.graph.initializers.values()].map((tensor) => tensor.dims)).toContainEqual(dims)
  await expectEqualModels(before, after)
})

test('tiles of three channels fill what a kernel computes at once', async () => {
  const source = modelWith('g (float[1,32,48,48] x) => (float y) { y = Conv<pads = [4, 4, 4, 4]>(x, w) }', {
    w: [3, 32, 9, 9],
  })
  const { before, after } = await rewriteWith(withBlocksOf(8, tileNarrowOutputs), source)
  const made = after.graph.initializers.get(after.graph.nodes[0]!.inputs[1]!)!.dims[0]!
  expect(made).toBe(24)
  await expectEqualModels(before, after, { samples: 1, tolerance: 1e-4 })
})

test('one block of 8 takes longer than a quarter of the four that are made at once; of 16 no more than its share', () => {
  expect(blockedNs(1000, 8, 8)).toBeGreaterThan(2 * (blockedNs(1000, 32, 8) / 4))
  expect(blockedNs(1000, 4, 8)).toBe(blockedNs(1000, 8, 8))
  expect(blockedNs(1000, 40, 8)).toBeCloseTo(blockedNs(1000, 32, 8) + blockedNs(1000, 8, 8), 9)
  expect(blockedNs(1000, 8, 16)).toBe(blockedNs(1000, 16, 16))
})
