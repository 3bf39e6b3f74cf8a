import { expect, test } from 'vitest'
import { opsOf, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
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
