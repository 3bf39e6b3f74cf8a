import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { convolveTiles } from './convolve-tiles.ts'
import { depthInTiles } from './depth-in-tiles.ts'

const WEIGHTS = { w: [72, 16, 3, 3], b: [72], v: [16, 8, 1, 1], g: [72, 8, 3, 3], wide: [144, 16, 3, 3] }

async function quantized(body: string, keepFloat: readonly string[] = []) {
  const model = modelWith(`g (float[N,16,H,W] x) => (float y) { ${body} }`, WEIGHTS)
  const feeds = { x: randomValue([2, 16, 5, 7], 3) }
  const run = await inIntegers(model, feeds, { keepFloat })
  return { before: run.model, feeds }
}

const CONV = 'h = Conv<pads = [1, 1, 1, 1]>(x, w, b)'

test.each([
  ['CRD', 'in integers', `${CONV} d = DepthToSpace<blocksize = 3, mode = "CRD">(h) y = Conv(d, v)`, []],
  ['DCR', 'in integers', `${CONV} d = DepthToSpace<blocksize = 3>(h) y = Conv(d, v)`, []],
  ['CRD', 'as the output', `${CONV} y = DepthToSpace<blocksize = 3, mode = "CRD">(h)`, []],
  ['DCR', 'read in float', `${CONV} d = DepthToSpace<blocksize = 3>(h) y = Sin(d)`, ['Sin']],
  ['CRD', 'without a bias', 'h = Conv(x, wide) d = DepthToSpace<blocksize = 6, mode = "CRD">(h) y = Sin(d)', ['Sin']],
] as const)('a picture of channels, %s, %s: the same answers to the bit from tiles', async (_, __, body, keepFloat) => {
  const { before, feeds } = await quantized(body, keepFloat)
  const { model: after, report } = await depthInTiles.run(before, {}, [])
  expect(report.applied).toBe(1)
  const kernels = await kernelsOf(after)
  expect(kernels).not.toHaveProperty('DepthToSpace')
  expect(kernels.QLinearConv).toBe((await kernelsOf(before)).QLinearConv)
  expect((await runOnce(after, feeds)).y).toEqual((await runOnce(before, feeds)).y)
  // It leaves nothing that another pass takes for its own.
  expect((await convolveTiles.run(after, {}, [])).report.applied).toBe(0)
})

test.each([
  [
    'somebody else reads the codes',
    `${CONV} d = DepthToSpace<blocksize = 3>(h) s = Sigmoid(h) e = DepthToSpace<blocksize = 3>(s) y = Add(d, e)`,
    [],
  ],
  ['the convolution is in float', `${CONV} d = DepthToSpace<blocksize = 3>(h) y = Conv(d, v)`, ['h']],
  ['its rows are short', 'h = Conv(x, w) y = DepthToSpace<blocksize = 6>(h)', []],
  ['its channels come in groups', 'h = Conv<group = 2>(x, g) y = DepthToSpace<blocksize = 3>(h)', []],
] as const)('left alone: %s', async (_, body, keepFloat) => {
  const { before } = await quantized(body, keepFloat as readonly string[])
  expect((await depthInTiles.run(before, {}, [])).report.applied).toBe(0)
})
