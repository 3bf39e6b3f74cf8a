import { expect, test } from 'vitest'
import { opsOf, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import type { Model } from '../../ir/index.ts'
import { affineBehindTranspose } from './affine-behind-transpose.ts'
import { fuseAffineBefore } from './fuse-affine-before.ts'

const model = (body: string, outputs = 'float y') => `<ir_version: 10, opset_import: ["" : 20]>
  g (float[1,5,4,2] x) => (${outputs})
  <float[3,2,2,2] w = {${Array.from({ length: 24 }, (_, i) => (i % 7) / 4 - 0.6)}}, float s = {0.25}, float[1] t = {3},
   float[1,1,1,1,1] wide = {2}, float[2] two = {2, 3}> { ${body} }`
const turn = 'Transpose<perm = [0, 3, 1, 2]>'
const PADDED = 'y = Conv<pads = [1,1,1,1]>(n, w)'

test.each([
  ['a scale', `a = Mul(x, s) n = ${turn}(a) ${PADDED}`],
  ['a divisor', `a = Div(x, s) n = ${turn}(a) ${PADDED}`],
  ['a shift and a scale', `a = Sub(x, t) b = Mul(s, a) n = ${turn}(b) y = Conv(n, w)`],
  ['what is taken from a number', `a = Sub(t, x) n = ${turn}(a) y = Conv(n, w)`],
])('%s goes behind the Transpose, and into the convolution', async (_, body) => {
  await rewriteEqually(affineBehindTranspose, model(body))
  let source: string | Model = model(body)
  for (const pass of [affineBehindTranspose, fuseAffineBefore, affineBehindTranspose, fuseAffineBefore])
    source = (await rewriteEqually(pass, source)).after
  expect(opsOf(source as Model)).toEqual(['Transpose', 'Conv'])
})

test('for each of several convolutions, of which one pads: a scale only', async () => {
  const both = `n = ${turn}(a) c = Conv(n, w) d = Conv<pads = [0,0,1,1]>(n, w) e = ReduceSum(d) y = Add(c, e)`
  const scaled = await rewriteEqually(affineBehindTranspose, model(`a = Mul(x, s) ${both}`))
  expect(scaled.ops.slice(0, 2)).toEqual(['Transpose', 'Mul'])
  expect((await rewriteWith(affineBehindTranspose, model(`a = Add(x, t) ${both}`))).report.applied).toBe(0)
})

test.each([
  ['a shift in front of a padded convolution', `a = Add(x, t) n = ${turn}(a) ${PADDED}`],
  ['a number over x', `a = Div(s, x) n = ${turn}(a) y = Conv(n, w)`],
  ['one number a channel', `a = Mul(x, two) n = ${turn}(a) y = Conv(n, w)`],
  ['another operator', `a = Pow(x, s) n = ${turn}(a) y = Conv(n, w)`],
  ['other readers', `a = Mul(x, s) n = ${turn}(a) r = Relu(n) y = Conv(r, w)`],
  ['weights of it', `a = Mul(x, s) n = ${turn}(a) y = Conv(x, n)`],
])('%s stays', async (_, body) => {
  expect((await rewriteWith(affineBehindTranspose, model(body))).report).toMatchObject({ applied: 0, refused: [] })
})

test('a constant that widens the value stays', async () => {
  const body = `a = Mul(x, wide) n = Transpose<perm = [0, 1, 4, 2, 3]>(a) q = Squeeze(n, i) y = Conv(q, w)`
  const source = model(body).replace('float s', 'int64[1] i = {0}, float s')
  expect((await rewriteWith(affineBehindTranspose, source)).report.applied).toBe(0)
})

test('a result that is an output stays, and one that is read elsewhere is refused', async () => {
  const shown = model(`a = Mul(x, s) n = ${turn}(a) y = Conv(n, w)`, 'float y, float n')
  expect((await rewriteWith(affineBehindTranspose, shown)).report.applied).toBe(0)
  const reason = 'the value in front of the Transpose is read elsewhere, too'
  for (const source of [
    model(`a = Mul(x, s) n = ${turn}(a) y = Conv(n, w)`, 'float y, float a'),
    model(`a = Mul(x, s) n = ${turn}(a) c = Conv(n, w) d = ReduceSum(a) y = Add(c, d)`),
  ])
    expect((await rewriteWith(affineBehindTranspose, source)).report.refused).toMatchObject([{ reason }])
})
