import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { splitBrokenJoints } from './split-broken-joints.ts'

/** Convolutions to 20 and 16 channels, beside the picture of `colours`. */
const decoder = (body: string, weights: Record<string, readonly number[]>, colours = 3, outputs = 'float y') =>
  modelWith(`g (float[2,${colours},8,7] x) => (${outputs}) { a = Conv(x, wa) c = Conv(x, wc) ${body} }`, {
    wa: [20, colours, 1, 1],
    wc: [16, colours, 1, 1],
    ...weights,
  })

test.each([
  [
    'behind the rest, with a bias and an activation',
    'j = Concat<axis = 1>(a, x) d = Conv<pads = [1, 1, 1, 1]>(j, w, b) y = Relu(d)',
    { w: [16, 23, 3, 3], b: [16] },
    ['Conv', 'Conv', 'Conv', 'Conv', 'Add', 'Relu'],
  ],
  [
    'between the rest, every other place',
    'j = Concat<axis = -3>(a, x, c) y = Conv<strides = [2, 1], auto_pad = "SAME_UPPER">(j, w)',
    { w: [8, 39, 3, 2] },
    ['Conv', 'Conv', 'Concat', 'Conv', 'Conv', 'Add'],
  ],
  [
    'twice',
    'j = Concat<axis = 1>(x, a, x) y = Conv<dilations = [2, 2], pads = [2, 2, 2, 2]>(j, w, b)',
    { w: [5, 26, 3, 3], b: [5] },
    ['Conv', 'Conv', 'Concat', 'Conv', 'Conv', 'Add'],
  ],
])('a few channels that break the blocks are convolved apart: %s', async (_, body, weights, wanted) => {
  const { before, after, ops } = await rewriteWith(splitBrokenJoints, decoder(body, weights))
  expect(ops).toEqual(wanted)
  await expectEqualModels(before, after)
})

test('both parts have kernels for blocks of channels, and nothing copies windows', async () => {
  const source = decoder('j = Concat<axis = 1>(a, x) d = Conv<pads = [1, 1, 1, 1]>(j, w, b) y = Relu(d)', {
    w: [16, 23, 3, 3],
    b: [16],
  })
  const { after } = await rewriteWith(splitBrokenJoints, source)
  expect(await kernelsOf(source)).toHaveProperty('FusedConv', 1)
  const kernels = await kernelsOf(after)
  expect(Object.keys(kernels)).not.toEqual(expect.arrayContaining(['FusedConv']))
  expect(kernels).not.toHaveProperty('Add')
  expect(kernels).not.toHaveProperty('Relu')
})

test.each<[string, string, Record<string, readonly number[]>, number, string?]>([
  ['whole quarters of blocks', 'j = Concat<axis = 1>(a, x) y = Conv(j, w)', { w: [16, 24, 3, 3] }, 4],
  ['one tap', 'j = Concat<axis = 1>(a, x) y = Conv(j, w)', { w: [16, 23, 1, 1] }, 3],
  [
    'too many channels to be read in plain order',
    'j = Concat<axis = 1>(a, x) y = Conv(j, w)',
    { w: [16, 29, 3, 3] },
    9,
  ],
  [
    'less than a block beside them',
    'e = Conv(x, we) j = Concat<axis = 1>(e, x) y = Conv(j, w)',
    { we: [12, 3, 1, 1], w: [16, 15, 3, 3] },
    3,
  ],
  ['groups', 'j = Concat<axis = 1>(a, x) y = Conv<group = 23>(j, w)', { w: [23, 1, 3, 3] }, 3],
  [
    'joined for others, too',
    'j = Concat<axis = 1>(a, x) y = Conv(j, w) z = Relu(j)',
    { w: [16, 23, 3, 3] },
    3,
    'float y, float z',
  ],
  [
    'joined for the caller, too',
    'j = Concat<axis = 1>(a, x) y = Conv(j, w)',
    { w: [16, 23, 3, 3] },
    3,
    'float y, float j',
  ],
])('left alone: %s', async (_, body, weights, colours, outputs) => {
  const { report } = await rewriteWith(splitBrokenJoints, decoder(body, weights, colours, outputs))
  expect(report.applied).toBe(0)
})
