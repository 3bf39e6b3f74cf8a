import { expect, test } from 'vitest'
import { modelWith } from '../../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteEqually, rewriteWith } from '../../../../tests/rewrite-kit.ts'
import { multiplyPixels } from './multiply-pixels.ts'

const WEIGHTS = {
  w: [96, 48, 1, 1],
  wide: [128, 128, 1, 1],
  line: [96, 48, 1],
  b: [96],
  g: [48, 32, 2, 2],
  d: [32],
  tall: [48, 32, 3, 2],
  longer: [48, 32, 3],
  double: [48, 48, 2],
  cube: [96, 48, 1, 1, 1],
  nine: [96, 48, 3, 3],
  four: [96, 48, 2, 2],
  patches: [96, 48, 2, 4],
  steps: [96, 48, 4],
  small: [48, 8, 2, 2],
  over: [48, 32, 3, 3],
}
const model = (body: string, shape = '2,48,3,5', outputs = 'float y') =>
  modelWith(`g (float[${shape}] x) => (${outputs}) { ${body} }`, WEIGHTS)
const MOVED = 't = Transpose<perm = [0,3,1,2]>(x)'
/** A convolution whose channels stand last on both sides. */
const between = (conv: string) => `${MOVED} c = ${conv} y = Transpose<perm = [0,2,3,1]>(c)`
const TWICE = 'ConvTranspose<strides = [2, 2]>'

test.each([
  ['a picture that grows', `y = ${TWICE}(x, g, d)`, '2,48,3,5'],
  ['no bias', `y = ${TWICE}(x, g)`, '2,48,3,5'],
  ['no room by name', 'y = ConvTranspose<auto_pad = "VALID", strides = [2, 2]>(x, g)', '2,48,3,5'],
  ['tiles that are no squares', 'y = ConvTranspose<strides = [3, 2]>(x, tall, d)', '2,48,3,5'],
  ['a line that grows', 'y = ConvTranspose<strides = [3]>(x, longer, d)', '2,48,7'],
  ['a line that doubles', 'y = ConvTranspose<strides = [2]>(x, double)', '2,48,7'],
  [
    'windows of one pixel between transposes',
    `${MOVED} c = Conv(t, w, b) y = Transpose<perm = [0,2,3,1]>(c)`,
    '2,3,5,48',
  ],
  [
    'windows of one step of a line',
    't = Transpose<perm = [0,2,1]>(x) c = Conv(t, line, b) y = Transpose<perm = [0,2,1]>(c)',
    '2,7,48',
  ],
  [
    'so many channels that moving them on one side is little',
    't = Transpose<perm = [0,3,1,2]>(x) y = Conv(t, wide)',
    '2,3,5,128',
  ],
  [
    'windows side by side in front of a Transpose',
    'c = Conv<strides = [2, 4]>(x, patches, b) y = Transpose<perm = [0,2,3,1]>(c)',
    '2,48,4,12',
  ],
  [
    'patches that become rows of tokens',
    's = Constant<value_ints = [2, 96, 6]>() c = Conv<strides = [2, 4]>(x, patches) r = Reshape(c, s) y = Transpose<perm = [0,2,1]>(r)',
    '2,48,4,12',
  ],
  ['windows of a line', 'c = Conv<strides = [4]>(x, steps, b) y = Transpose<perm = [0,2,1]>(c)', '2,48,12'],
] as const)('%s: a product of rows of channels', async (_, body, shape) => {
  const { ops } = await rewriteEqually(multiplyPixels, model(body, shape), { tolerance: 1e-4 })
  expect(ops).toContain('MatMul')
  expect(ops.filter((op) => op.startsWith('Conv'))).toEqual([])
})

test('one size need not be known, for windows of one pixel none', async () => {
  for (const [body, shape] of [
    [`y = ${TWICE}(x, g, d)`, 'N,48,3,5'],
    [`y = ${TWICE}(x, g, d)`, '2,48,H,5'],
    ['c = Conv<strides = [2, 4]>(x, patches, b) y = Transpose<perm = [0,2,3,1]>(c)', 'N,48,4,8'],
    [`${MOVED} c = Conv(t, w, b) y = Transpose<perm = [0,2,3,1]>(c)`, 'N,H,W,48'],
  ] as const) {
    const { before, after, report } = await rewriteWith(multiplyPixels, model(body, shape))
    expect(report.applied).toBe(1)
    await expectEqualModels(before, after, { tolerance: 1e-4, sizes: { N: 2, H: 3, W: 5 } })
  }
})

test('refused where tiles of unknown sizes would have to be laid', async () => {
  const { reasons } = await rewriteWith(multiplyPixels, model(`y = ${TWICE}(x, g)`, '1,48,H,W'))
  expect(reasons).toContain('its sizes are known only when it runs')
  const reshaped = modelWith(
    `g (float[48] a, int64[R] s) => (float y) { x = Reshape(a, s) y = ${TWICE}(x, g) }`,
    WEIGHTS,
  )
  expect((await rewriteWith(multiplyPixels, reshaped)).reasons).toEqual(reasons)
  const wide = 'c = Conv<strides = [2, 4]>(x, patches) y = Transpose<perm = [0,2,3,1]>(c)'
  expect((await rewriteWith(multiplyPixels, model(wide, '1,48,4,W'))).reasons).toEqual(reasons)
})

test.each([
  ['windows overlap', 'y = ConvTranspose<strides = [2, 2]>(x, over)'],
  ['it is padded', 'y = ConvTranspose<strides = [2, 2], pads = [1, 1, 1, 1]>(x, g)'],
  ['a size is asked for', 'y = ConvTranspose<strides = [2, 2], output_shape = [6, 10]>(x, g)'],
  ['windows overlap in one direction', `y = ${TWICE}(x, tall)`],
  ['taps lie apart', 'y = ConvTranspose<strides = [2, 2], dilations = [2, 2]>(x, g)'],
  ['there is room behind', 'y = ConvTranspose<strides = [2, 2], output_padding = [1, 1]>(x, g)'],
  ['channels in groups', 'y = ConvTranspose<strides = [2, 2], group = 2>(x, g)'],
  ['no rows', `y = ${TWICE}(x, g)`, '0,48,3,5'],
  ['windows skip pixels', between('Conv<strides = [2, 2]>(t, w)'), '2,3,5,48'],
  ['windows of nine pixels', between('Conv(t, nine)'), '2,3,5,48'],
  ['windows of short rows', between('Conv<strides = [2, 2]>(t, four)'), '2,4,6,48'],
  ['windows that leave a rest', between('Conv<strides = [2, 4]>(t, patches)'), '2,4,13,48'],
  ['windows that overlap', between('Conv<strides = [2, 3]>(t, patches)'), '2,4,12,48'],
  ['windows with pixels between them', between('Conv<strides = [2, 5]>(t, patches)'), '2,4,20,48'],
  ['windows with no channels last behind them', 'y = Conv<strides = [2, 4]>(x, patches)', '2,48,4,12'],
  [
    'a room of pixels',
    't = Transpose<perm = [0,4,1,2,3]>(x) c = Conv(t, cube) y = Transpose<perm = [0,2,3,4,1]>(c)',
    '2,2,3,4,48',
  ],
  ['room that is computed', 'y = ConvTranspose<auto_pad = "SAME_UPPER", strides = [2, 2]>(x, g)'],
  ['few weights', `y = ${TWICE}(x, small)`],
  ['moving channels would take the gain', `${MOVED} y = Conv(t, w, b)`, '2,3,5,48'],
  ['no channels stand last', 'y = Conv(x, wide)', '2,128,3,5'],
  ['weights are computed', `k = Neg(g) y = ${TWICE}(x, k)`],
])('left alone: %s', async (_, body, shape = '2,48,3,5') => {
  const { report } = await rewriteWith(multiplyPixels, model(body, shape))
  expect(report).toMatchObject({ applied: 0, refused: [] })
})
