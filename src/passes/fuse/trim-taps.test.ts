import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, numbersOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { intsAttribute, tensorOf, tensorValues } from '../../ir/index.ts'
import { trimTaps } from './trim-taps.ts'

/** A convolution whose taps at these places of the last axes are 0. */
function model(
  input: string,
  attributes: string,
  dims: readonly number[],
  isIdle: (...place: number[]) => boolean,
  opset = 21,
) {
  const built = modelWith(`g (float[${input}] x) => (float y) { y = Conv<${attributes}>(x, w) }`, { w: dims }, opset)
  const values = Float32Array.from(tensorValues(built.graph.initializers.get('w')!) as Float32Array, (value, i) => {
    const places = dims.slice(2).map((size, axis) => {
      const inner = dims.slice(3 + axis).reduce((a, b) => a * b, 1)
      return Math.floor(i / inner) % size
    })
    return isIdle(...places) ? 0 : value
  })
  const initializers = new Map([['w', tensorOf('float32', dims, values, 'w')]])
  return { ...built, graph: { ...built.graph, initializers } }
}

test.each([
  ['within the padding', '1,3,20', 'pads = [3, 4]', [4, 3, 9], (k: number) => k < 2 || k > 6, ['Conv'], 5],
  ['beyond it', 'N,1,64', 'strides = [5]', [16, 1, 16], (k: number) => k < 3 || k > 11, ['Slice', 'Conv'], 9],
  [
    'beside pads that VALID makes nothing of',
    '1,3,20',
    'auto_pad = "VALID", pads = [3, 4]',
    [4, 3, 9],
    (k: number) => k < 2 || k > 6,
    ['Slice', 'Conv'],
    5,
  ],
  ['on one side', '1,2,30', 'pads = [1, 0], dilations = [2]', [8, 2, 7], (k: number) => k > 3, ['Slice', 'Conv'], 4],
] as const)('taps of 0 at the ends, %s', async (_, input, attributes, dims, isIdle, ops, kernel) => {
  const rewritten = await rewriteWith(trimTaps, model(input, attributes, dims, isIdle))
  expect(rewritten.ops).toEqual(ops)
  const { nodes, initializers } = rewritten.after.graph
  expect(initializers.get(nodes.at(-1)!.inputs[1]!)!.dims.at(-1)).toBe(kernel)
  await expectEqualModels(rewritten.before, rewritten.after)
})

test('a picture is trimmed along both axes, with its kernel_shape', async () => {
  const isIdle = (row: number, column: number) => row === 0 || column > 2
  const source = model('1,3,9,8', 'kernel_shape = [3, 5], pads = [1, 2, 1, 2], strides = [2, 1]', [4, 3, 3, 5], isIdle)
  const { before, after, ops } = await rewriteWith(trimTaps, source)
  expect(ops).toEqual(['Conv'])
  expect(intsAttribute(after.graph.nodes[0]!, 'kernel_shape', [])).toEqual([2, 3])
  await expectEqualModels(before, after)
})

test('a picture is cut along the one axis whose padding is too little', async () => {
  const isIdle = (row: number, column: number) => row === 0 || column < 4
  const { before, after, ops } = await rewriteWith(
    trimTaps,
    model('1,3,9,12', 'pads = [1, 2, 0, 0]', [16, 3, 3, 9], isIdle),
  )
  expect(ops).toEqual(['Slice', 'Conv'])
  expect(numbersOf(after, after.graph.nodes[0]!.inputs[3]!)).toEqual([3])
  await expectEqualModels(before, after)
})

test.each([
  ['no end of zeros', 'pads = [1, 1]', [16, 1, 9], (k: number) => k === 4],
  ['nothing but zeros', 'pads = [4, 4]', [16, 1, 9], () => true],
  ['padding that is computed', 'auto_pad = "SAME_UPPER"', [16, 1, 9], (k: number) => k < 2],
  ['one tap of many', 'strides = [10]', [64, 1, 32], (k: number) => k < 1],
  ['one tap of few channels', 'strides = [1]', [4, 1, 9], (k: number) => k < 1],
] as const)('all taps stay: %s', async (_, attributes, dims, isIdle) => {
  expect((await rewriteWith(trimTaps, model('1,1,40', attributes, dims, isIdle))).report.applied).toBe(0)
})

test('all taps stay: weights that are computed, and a Slice that the operator set lacks', async () => {
  const computed = modelWith('g (float[1,1,40] x) => (float y) { v = Abs(w) y = Conv(x, v) }', { w: [16, 1, 9] })
  expect((await rewriteWith(trimTaps, computed)).report.applied).toBe(0)
  const old = model('1,1,64', 'strides = [5]', [16, 1, 16], (k) => k < 3 || k > 11, 12)
  expect((await rewriteWith(trimTaps, old)).report.applied).toBe(0)
})
