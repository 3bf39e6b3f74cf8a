import { expect, test } from 'vitest'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { resizeChannelsLast } from './resize-channels-last.ts'

const model = (body: string, scales = '1.0, 1.0, 2.5, 3.0', outputs = 'float[A,B,C,D] y') =>
  `<ir_version: 8, opset_import: ["" : 18]> g (float[1,3,4,5] x) => (${outputs}) <float[4] s = {${scales}}> { ${body} }`

test('a picture is interpolated behind its Transpose', async () => {
  const { before, after, ops } = await rewriteWith(
    resizeChannelsLast,
    model('r = Resize<mode = "linear">(x, , s) y = Transpose<perm = [0, 2, 3, 1]>(r)'),
  )
  expect(ops).toEqual(['Transpose', 'Resize'])
  await expectEqualModels(before, after)
})

test.each([
  [
    'one that shrinks',
    'r = Resize<mode = "linear">(x, , s) y = Transpose<perm = [0, 2, 3, 1]>(r)',
    '1.0, 1.0, 0.5, 1.0',
  ],
  ['repeated pixels', 'r = Resize<mode = "nearest">(x, , s) y = Transpose<perm = [0, 2, 3, 1]>(r)', undefined],
  ['another order', 'r = Resize<mode = "linear">(x, , s) y = Transpose<perm = [0, 3, 2, 1]>(r)', undefined],
] as const)('left alone: %s', async (_, body, scales) => {
  expect((await rewriteWith(resizeChannelsLast, model(body, scales))).report.applied).toBe(0)
})

test('a resized value that is read elsewhere is refused', async () => {
  const { reasons } = await rewriteWith(
    resizeChannelsLast,
    model(
      'r = Resize<mode = "linear">(x, , s) y = Transpose<perm = [0, 2, 3, 1]>(r)',
      undefined,
      'float[A,B,C,D] y, float[A,B,C,D] r',
    ),
  )
  expect(reasons).toEqual(['the resized value is also read elsewhere'])
})
