import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { resizeInBlocks } from './resize-in-blocks.ts'

const growing = (body: string, { channels = 20, factors = '1, 1, 2, 2', outputs = 'float y' } = {}) =>
  modelWith(
    `g (float[2,${channels},5,6] x, float[2,${channels},5,6] z) => (${outputs}) <float[4] s = {${factors}}> { ${body} }`,
    { w: [16, channels, 3, 3], d: [channels, 1, 3, 3], v: [channels, channels, 1, 1] },
  )
const RESIZE = 'r = Resize<mode = "linear">(p, , s)'

test.each([
  ['a product', `p = Mul(x, z) ${RESIZE} y = Conv(r, w)`, {}],
  [
    'the input, for two',
    `p = Identity(x) ${RESIZE} a = Conv(r, w) b = Conv<group = 20>(r, d) y = Concat<axis = 1>(a, b)`,
    {},
  ],
  ['a sum with what is in plain order', `c = Conv(x, v) p = Add(c, z) ${RESIZE} y = Conv(r, w)`, {}],
  [
    'corners that stay, by three and four',
    'p = Mul(x, z) r = Resize<mode = "linear", coordinate_transformation_mode = "align_corners">(p, , s) y = Conv(r, w)',
    { factors: '1, 1, 3, 4' },
  ],
  [
    'one axis, without half pixels',
    'p = Mul(x, z) r = Resize<mode = "linear", coordinate_transformation_mode = "asymmetric">(p, , s) y = Conv(r, w)',
    { factors: '1, 1, 1, 2' },
  ],
])('what grows in front of convolutions is put into blocks while it is small: %s', async (_, body, options) => {
  const { before, after, report } = await rewriteWith(resizeInBlocks, growing(body, options))
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after)
  expect(await kernelsOf(before)).toHaveProperty('Resize', 1)
  const kernels = await kernelsOf(after)
  expect(kernels).not.toHaveProperty('Resize')
  expect(kernels).toHaveProperty('Upsample', 1)
})

test.each([
  ['it lies in blocks', `p = Conv(x, v) ${RESIZE} y = Conv(r, w)`, {}],
  ['it lies in blocks behind an activation', `c = Conv(x, v) p = Relu(c) ${RESIZE} y = Conv(r, w)`, {}],
  [
    'it lies in blocks behind a pool',
    `c = Conv(x, v) p = MaxPool<kernel_shape = [2, 2]>(c) ${RESIZE} y = Conv(r, w)`,
    {},
  ],
  ['something else reads it', `p = Mul(x, z) ${RESIZE} a = Conv(r, w) y = Relu(r)`, {}],
  ['the caller reads it', `p = Mul(x, z) ${RESIZE} y = Conv(r, w)`, { outputs: 'float y, float r' }],
  ['channels that are no multiple of 4', `p = Mul(x, z) ${RESIZE} y = Conv(r, w)`, { channels: 18 }],
  ['fewer channels than a block', `p = Mul(x, z) ${RESIZE} y = Conv(r, w)`, { channels: 12 }],
  ['factors that are no whole numbers', `p = Mul(x, z) ${RESIZE} y = Conv(r, w)`, { factors: '1, 1, 1.5, 2' }],
  ['pixels that are repeated', 'p = Mul(x, z) r = Resize(p, , s) y = Conv(r, w)', {}],
  ['cubic', 'p = Mul(x, z) r = Resize<mode = "cubic">(p, , s) y = Conv(r, w)', {}],
])('left alone: %s', async (_, body, options) => {
  expect((await rewriteWith(resizeInBlocks, growing(body, options))).report.applied).toBe(0)
})
