import { expect, test } from 'vitest'
import { kernelsOf, modelWith, randomValue, rangesOf } from '../../../tests/quantize-kit.ts'
import { opsOf, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { quantizeStaticInt8 } from '../quantize/index.ts'
import { recogniseAdd } from './recognise-add.ts'

const sum = (terms: string, opset = 18) =>
  parseModel(
    `<ir_version: 8, opset_import: ["" : ${opset}]> g (float[2,3] a, float[3] b) => (float y) { y = Sum(${terms}) }`,
  )

test.each([
  ['a, b', ['Add']],
  ['a, b, a', ['Add', 'Add']],
  ['b, b, b, a', ['Add', 'Add', 'Add']],
])('a Sum of %s is made of Adds', async (terms, operators) => {
  expect(opsOf((await rewriteEqually(recogniseAdd, sum(terms))).after)).toEqual(operators)
})

test('a Sum of one value, and one that does not broadcast, stay', async () => {
  for (const model of [sum('a'), sum('a, a, a', 7)])
    expect((await rewriteWith(recogniseAdd, model)).report.applied).toBe(0)
})

test('four branches that are added up become integers', async () => {
  const branches = 'p = Conv(x, a) q = Conv(x, b) r = Conv(x, c) s = Conv(x, d)'
  const weights = { a: [8, 8, 1, 1], b: [8, 8, 1, 1], c: [8, 8, 1, 1], d: [8, 8, 1, 1] }
  const model = modelWith(
    `g (float[1,8,6,6] x) => (float y) { ${branches} m = Sum(p, q, r, s) y = Conv(m, a) }`,
    weights,
  )
  const integers = async (of: typeof model) => {
    const report = await rangesOf(of, { x: randomValue([1, 8, 6, 6], 3) })
    return kernelsOf((await quantizeStaticInt8.run(of, { placement: 'everywhere' }, [{ report }])).model)
  }
  expect(await integers(model)).toMatchObject({ Sum: 1 })
  const kernels = await integers((await rewriteWith(recogniseAdd, model)).after)
  expect(kernels).toMatchObject({ QLinearAdd: 3, QLinearConv: 5 })
  expect(kernels).not.toHaveProperty('Sum')
})
