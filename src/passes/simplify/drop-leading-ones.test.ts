import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { dropLeadingOnes } from './drop-leading-ones.ts'

const model = (body: string, x: string, sizes: Readonly<Record<string, readonly number[]>>, opset?: number) =>
  modelWith(`g (float[${x}] x) => (float y) { ${body} }`, sizes, opset)

test.each([
  ['weights and bias', 'p = MatMul(x, w) y = Add(p, b)', 'N,L,8', { w: [1, 8, 6], b: [1, 1, 6] }, ['MatMul', 'Add']],
  ['a bias in front', 'p = MatMul(x, w) y = Add(b, p)', 'N,L,8', { w: [8, 6], b: [1, 6] }, ['MatMul', 'Add']],
  ['more axes than the weights', 'y = MatMul(x, w)', 'N,3,L,8', { w: [1, 8, 6] }, ['MatMul']],
  ['the axes of rows alone', 'y = MatMul(x, w)', 'N,8', { w: [1, 1, 8, 6] }, ['MatMul', 'Unsqueeze']],
  [
    'weights that two read',
    'a = MatMul(x, w) b = Neg(x) c = MatMul(b, w) d = Mul(a, c) y = Abs(d)',
    'N,L,8',
    { w: [1, 8, 6] },
    ['MatMul', 'Neg', 'MatMul', 'Mul', 'Abs'],
  ],
])('%s', async (_, body, x, sizes, expected) => {
  const { before, after, ops, report } = await rewriteWith(dropLeadingOnes, model(body, x, sizes))
  expect(report.applied).toBeGreaterThan(0)
  expect(ops).toEqual(expected)
  const read = after.graph.nodes.flatMap(({ opType, inputs }) => (opType === 'Unsqueeze' ? [] : inputs))
  const constants = new Set(read.filter((name) => after.graph.initializers.has(name)))
  expect([...constants].map((name) => after.graph.initializers.get(name)!.dims)).toEqual(
    Object.values(sizes).map((dims) => dims.filter((dim) => dim !== 1)),
  )
  await expectEqualModels(before, after, { sizes: { N: 2, L: 3 }, tolerance: 0 })
})

test.each([
  ['axes of several elements', 'y = MatMul(x, w)', '2,L,8', { w: [2, 8, 6] }, []],
  ['a bias with an axis of its own', 'p = MatMul(x, w) y = Add(p, b)', 'L,8', { w: [8, 6], b: [1, 1, 6] }, []],
  ['a bias of one number', 'p = MatMul(x, w) y = Add(p, b)', 'L,8', { w: [8, 6], b: [1] }, []],
  ['a vector', 'y = MatMul(x, w)', '8', { w: [1, 8, 6] }, ['it multiplies a vector']],
])('left as they are: %s', async (_, body, x, sizes, expected) => {
  const { report, reasons } = await rewriteWith(dropLeadingOnes, model(body, x, sizes))
  expect(report.applied).toBe(0)
  expect(reasons).toEqual(expected)
})

test('where ranks are open, or Unsqueeze takes its axes otherwise, it is said', async () => {
  const open = modelWith('g (float[N,8] x, int64[axes] s) => (float y) { r = Reshape(x, s) y = MatMul(r, w) }', {
    w: [1, 8, 6],
  })
  expect((await rewriteWith(dropLeadingOnes, open)).reasons[0]).toMatch(/how many axes "r" has/)
  const old = model('y = MatMul(x, w)', 'N,8', { w: [1, 8, 6] }, 12)
  expect((await rewriteWith(dropLeadingOnes, old)).reasons[0]).toMatch(/opset 12/)
})
