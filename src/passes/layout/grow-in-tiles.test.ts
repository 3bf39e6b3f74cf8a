import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { growInTiles } from './grow-in-tiles.ts'

const WEIGHTS = {
  u: [24, 3, 1, 1],
  w: [24, 8, 2, 2],
  b: [8],
  v: [8, 1, 2, 2],
  c: [1],
  t: [8, 1, 3, 3],
  wide: [8, 8, 2, 2],
}
const TWICE = 'ConvTranspose<strides = [2, 2]>'
const model = (body: string, shape = '2,3,5,4', outputs = 'float y') =>
  modelWith(
    `g (float[${shape}] x) => (${outputs}) { low = Constant<value_float = -0.1>() a = Conv(x, u) r = Relu(a) ${body} }`,
    WEIGHTS,
  )

test.each([
  ['the head of a text detector', `g = ${TWICE}(r, w, b) q = Relu(g) z = ${TWICE}(q, v, c) y = Sigmoid(z)`, 4],
  ['nothing between them', `g = ${TWICE}(r, w) y = ${TWICE}(g, v)`, 4],
  ['two activations', `g = ${TWICE}(r, w, b) q = Relu(g) k = Clip(q, low) y = ${TWICE}(k, v, c)`, 4],
  ['tiles of different sizes', `g = ${TWICE}(r, w, b) y = ConvTranspose<strides = [3, 3]>(g, t)`, 6],
] as const)('%s: laid once, at the end', async (_, body, side) => {
  const { after, ops } = await rewriteEqually(growInTiles, model(body), { tolerance: 1e-4 })
  expect(ops).not.toContain('ConvTranspose')
  expect(ops.at(-1)).toBe('DepthToSpace')
  const kernels = await kernelsOf(after)
  // What is left to lay is laid in one node, and activations are parts of the convolutions.
  expect(kernels).toMatchObject({ DepthToSpace: 1, Conv: 3 })
  expect(kernels).not.toHaveProperty('Sigmoid')
  expect(after.graph.nodes.at(-1)!.attributes.get('blocksize')).toEqual({ type: 'int', value: BigInt(side) })
})

test('sizes need not be known', async () => {
  const { before, after, report } = await rewriteWith(
    growInTiles,
    model(`g = ${TWICE}(r, w, b) q = Relu(g) y = ${TWICE}(q, v, c)`, 'N,3,H,W'),
  )
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after, { tolerance: 1e-4, sizes: { N: 1, H: 3, W: 5 } })
})

test.each([
  ['one alone', `y = ${TWICE}(r, w, b)`, 'float y'],
  ['windows overlap', `g = ConvTranspose<strides = [2, 2]>(r, w) y = ConvTranspose<strides = [2, 2]>(g, t)`, 'float y'],
  ['it is padded', `g = ConvTranspose<strides = [2, 2], pads = [1, 1, 1, 1]>(r, w) y = ${TWICE}(g, v)`, 'float y'],
  ['what is made on the way is an output', `g = ${TWICE}(r, w) y = ${TWICE}(g, v)`, 'float y, float g'],
  ['what is made on the way is read elsewhere', `g = ${TWICE}(r, w) y = ${TWICE}(g, v) z = Neg(g)`, 'float y, float z'],
] as const)('left alone: %s', async (_, body, outputs) => {
  const { report } = await rewriteWith(growInTiles, model(body, '2,3,5,4', outputs))
  expect(report).toMatchObject({ applied: 0, refused: [] })
})

test('refused where most products would be with zeros', async () => {
  const { reasons } = await rewriteWith(growInTiles, model(`g = ${TWICE}(r, w) y = ${TWICE}(g, wide)`))
  expect(reasons).toContain('its tiles would be multiplied by zeros for the most part')
})
