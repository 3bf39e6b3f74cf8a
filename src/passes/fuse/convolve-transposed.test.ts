import { expect, test } from 'vitest'
import { opsOf, randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { elementCount, parseModel } from '../../ir/index.ts'
import { convolveTransposed } from './convolve-transposed.ts'

interface Transposed {
  readonly x?: string
  readonly w: readonly number[]
  readonly attributes?: string
  readonly bias?: number
}

const transposed = ({ x = '1,4,9,8', w, attributes = '', bias = 0 }: Transposed) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 18]> g (float[${x}] x) => (float y)
    <float[${w}] w = ${randomList(elementCount(w), 1)}${bias ? `, float[${bias}] b = ${randomList(bias, 2)}` : ''}>
    { y = ConvTranspose${attributes && `<${attributes}>`}(x, w${bias ? ', b' : ''}) }`)

test.each<[string, Transposed]>([
  ['of one tap', { w: [4, 6, 1, 1] }],
  ['of sides of their own, with a bias', { w: [4, 5, 3, 2], attributes: 'pads = [2, 0, 1, 1]', bias: 5 }],
  ['in groups', { w: [4, 3, 3, 3], attributes: 'group = 2, pads = [1, 1, 1, 1], kernel_shape = [3, 3]', bias: 6 }],
  [
    'of a channel each, taps apart',
    { w: [4, 1, 3, 3], attributes: 'group = 4, dilations = [2, 1], pads = [4, 1, 4, 1]' },
  ],
  ['along a line of any length', { x: 'N,4,L', w: [4, 2, 3], attributes: 'pads = [1, 1], strides = [1]' }],
  [
    'that makes somewhat more places',
    { w: [4, 2, 3, 3], attributes: 'auto_pad = "VALID", output_padding = [0, 0]', x: '1,4,20,20' },
  ],
])('a transposed convolution %s is one with its windows turned', async (_, model) => {
  const { after } = await rewriteEqually(convolveTransposed, transposed(model), { sizes: { L: 7 } })
  expect(opsOf(after)).toEqual(['Conv'])
})

test.each<[string, Transposed, string?]>([
  ['a stride', { w: [4, 2, 3, 3], attributes: 'strides = [1, 2], pads = [1, 1, 1, 1]' }],
  [
    'room behind the last window',
    {
      w: [4, 2, 3, 3],
      attributes: 'strides = [1, 1], dilations = [2, 2], pads = [2, 2, 2, 2], output_padding = [1, 0]',
    },
  ],
  ['padding that is computed', { w: [4, 2, 3, 3], attributes: 'auto_pad = "SAME_UPPER"' }],
  ['a size that is told', { w: [4, 2, 3, 3], attributes: 'output_shape = [9, 8]' }],
  [
    'ends cut off',
    { w: [4, 2, 3, 3], attributes: 'pads = [3, 1, 1, 1]' },
    'its padding cuts off more than its windows reach',
  ],
  [
    'a picture made of one place',
    { x: '1,4,1,1', w: [4, 2, 2, 2] },
    'it makes far more places than there are, mostly of zeros',
  ],
  [
    'a longer line of unknown length',
    { x: 'N,4,L', w: [4, 2, 3] },
    'it makes far more places than there are, mostly of zeros',
  ],
])('%s stays as it is', async (_, model, reason) => {
  const { report, reasons } = await rewriteWith(convolveTransposed, transposed(model))
  expect(report.applied).toBe(0)
  expect(reasons).toEqual(reason ? [reason] : [])
})

test.each([
  ['weights that are computed', 'float[1,4,9,9] x, float[4,2,1,1] w', '', 'y = ConvTranspose(x, w)'],
  [
    'a picture of unknown sizes',
    'float[4] a, int64[R] s',
    '<float[4,2,1,1] w = {1, 2, 3, 4, 5, 6, 7, 8}>',
    'x = Reshape(a, s) y = ConvTranspose(x, w)',
  ],
])('%s stay as they are', async (_, inputs, constants, body) => {
  const model = `<ir_version: 8, opset_import: ["" : 18]> g (${inputs}) => (float y) ${constants} { ${body} }`
  expect((await rewriteWith(convolveTransposed, model)).report.applied).toBe(0)
})
