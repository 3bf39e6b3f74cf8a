import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { opsOf, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { mirrorNarrowConvolutions } from './mirror-narrow-convolutions.ts'

const model = (body: string, outputs = 'float y') =>
  modelWith(`g (float[1,4,9,7] x) => (${outputs}) { ${body} }`, {
    w: [8, 4, 3, 3],
    wide: [12, 4, 3, 3],
    grouped: [8, 2, 3, 3],
    b: [8],
  })

test.each([
  ['rectified', 'c = Conv<pads = [1,1,1,1]>(x, w, b) p = Relu(c) n = Neg(c) q = Relu(n) y = Concat<axis = 1>(p, q)'],
  ['the negative first', 'c = Conv(x, w, b) p = Relu(c) n = Neg(c) q = Relu(n) y = Concat<axis = -3>(q, p)'],
  ['without a bias', 'c = Conv<strides = [2,2]>(x, w) p = Relu(c) n = Neg(c) q = Relu(n) y = Concat<axis = 1>(p, q)'],
  ['rectified behind the joint', 'c = Conv(x, w, b) n = Neg(c) j = Concat<axis = 1>(c, n) y = Relu(j)'],
])('a convolution joined with its negative makes both: %s', async (_, body) => {
  const { after } = await rewriteEqually(mirrorNarrowConvolutions, model(body))
  expect(opsOf(after)).toEqual(['Conv', 'Relu'])
})

test.each([
  ['along another axis', 'c = Conv(x, w, b) n = Neg(c) y = Concat<axis = 2>(c, n)', null],
  ['rectified on one side alone', 'c = Conv(x, w, b) p = Relu(c) n = Neg(c) y = Concat<axis = 1>(p, n)', null],
  ['in groups', 'c = Conv<group = 2>(x, grouped, b) n = Neg(c) y = Concat<axis = 1>(c, n)', null],
  [
    'of twelve channels, which fill one block',
    'c = Conv(x, wide) n = Neg(c) y = Concat<axis = 1>(c, n)',
    'twice its channels would take more blocks',
  ],
])('not %s', async (_, body, reason) => {
  const { report } = await rewriteWith(mirrorNarrowConvolutions, model(body))
  expect(report).toMatchObject({ applied: 0, refused: reason === null ? [] : [{ reason }] })
})

test.each([
  ['the convolution', 'float y, float c'],
  ['its negative', 'float y, float n'],
])('nor where somebody else reads %s', async (_, outputs) => {
  const body = 'c = Conv(x, w, b) n = Neg(c) y = Concat<axis = 1>(c, n)'
  const { report } = await rewriteWith(mirrorNarrowConvolutions, model(body, outputs))
  expect(report).toMatchObject({ applied: 0, refused: [{ reason: expect.stringContaining('also read elsewhere') }] })
})
