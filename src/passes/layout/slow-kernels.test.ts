import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, opsOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { lrnByWindow } from './lrn-by-window.ts'
import { softmaxByChannels } from './softmax-by-channels.ts'

const picture = (body: string, shape = 'N,12,20,20') => modelWith(`g (float[${shape}] x) => (float y) { ${body} }`, {})

test.each([
  ['', ['Mul', 'Unsqueeze', 'Conv', 'Squeeze', 'Sqrt', 'Sqrt', 'Mul', 'Div']],
  [', beta = 0.5, alpha = 0.3', ['Mul', 'Unsqueeze', 'Conv', 'Squeeze', 'Sqrt', 'Div']],
  [', beta = 1.0, bias = 2.0, alpha = 1.5', ['Mul', 'Unsqueeze', 'Conv', 'Squeeze', 'Div']],
  [', beta = 0.6, alpha = 2.0', ['Mul', 'Unsqueeze', 'Conv', 'Squeeze', 'Log', 'Mul', 'Exp', 'Div']],
])('an LRN%s is a convolution along the channels', async (attributes, ops) => {
  for (const size of [3, 4, 5]) {
    const { before, after } = await rewriteWith(lrnByWindow, picture(`y = LRN<size = ${size}${attributes}>(x)`))
    expect(opsOf(after)).toEqual(ops)
    await expectEqualModels(before, after, { scale: 3 })
  }
})

test('an LRN over a sequence is one, too', async () => {
  const { before, after, report } = await rewriteWith(lrnByWindow, picture('y = LRN<size = 5>(x)', 'N,8,600'))
  expect(report.applied).toBe(1)
  await expectEqualModels(before, after, { scale: 3 })
})

test.each([
  ['few numbers', picture('y = LRN<size = 5>(x)', 'N,12,3,3')],
  ['a bias of zero', picture('y = LRN<size = 5, bias = 0.0>(x)')],
  [
    'an unknown rank',
    parseModel('<ir_version: 8, opset_import: ["" : 18]> g (float x) => (float y) { y = LRN<size = 5>(x) }'),
  ],
])('an LRN of %s stays', async (_, model) => {
  expect((await rewriteWith(lrnByWindow, model)).report.applied).toBe(0)
})

test('a Softmax over channels, or over lines, is computed from its pieces, and the runtime leaves them so', async () => {
  for (const axis of [1, 2, -2, -3]) {
    const { before, after } = await rewriteWith(softmaxByChannels, picture(`y = Softmax<axis = ${axis}>(x)`))
    expect(opsOf(after)).toEqual(['ReduceMax', 'Sub', 'Exp', 'ReduceSum', 'Div'])
    await expectEqualModels(before, after, { scale: 3 })
    expect(await kernelsOf(after)).not.toHaveProperty('Softmax')
  }
})

test.each([
  ['along the last axis', picture('y = Softmax(x)')],
  ['of few numbers', picture('y = Softmax<axis = 1>(x)', 'N,12,3,3')],
  ['with ones behind its axis', picture('y = Softmax<axis = 1>(x)', 'N,9000,1,1')],
  [
    'of an old operator set',
    parseModel(
      '<ir_version: 7, opset_import: ["" : 12]> g (float[N,12,20,20] x) => (float y) { y = Softmax<axis = 1>(x) }',
    ),
  ],
  [
    'of half precision',
    parseModel(
      '<ir_version: 8, opset_import: ["" : 18]> g (float16[N,12,20,20] x) => (float16 y) { y = Softmax<axis = 1>(x) }',
    ),
  ],
])('a Softmax %s stays', async (_, model) => {
  expect((await rewriteWith(softmaxByChannels, model)).report.applied).toBe(0)
})
