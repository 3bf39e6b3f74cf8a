import { expect, test } from 'vitest'
import { expectEqualModels, opsOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { foldConstants } from './fold-constants.ts'
import { foldShapeArithmetic } from './fold-shape-arithmetic.ts'
import { takeBranches } from './take-branches.ts'

const model = (body: string, constants = 'bool c = {1}', outputs = 'float[N,3] y') =>
  `<ir_version: 8, opset_import: ["" : 20]> g (float[N,3] x) => (${outputs}) <${constants}> { ${body} }`
const branch = (name: string, body: string) => `${name}_branch = ${name} () => (float[N,3] p) { ${body} }`

test.each([
  ['1', 'Neg'],
  ['0', 'Abs'],
])('an If of %s becomes its branch', async (value, expected) => {
  const { before, after, ops } = await rewriteWith(
    takeBranches,
    model(
      `y = If(c) <${branch('then', 'a = Neg(x) p = Relu(a)')}, ${branch('else', 'a = Abs(x) p = Relu(a)')}>`,
      `bool c = {${value}}`,
    ),
  )
  expect(ops).toEqual([expected, 'Relu'])
  await expectEqualModels(before, after)
})

test('two that use the same names inside are kept apart, and what a branch only hands on is handed on', async () => {
  const one = `${branch('then', 'a = Neg(x) p = Exp(a)')}, ${branch('else', 'p = Abs(x)')}`
  const other = `then_branch = t () => (float[N,3] a, float[N,3] x) { a = Sin(x) }, else_branch = e () => (float[N,3] q, float[N,3] r) { q = Abs(x) r = Abs(x) }`
  const { before, after, report } = await rewriteWith(
    takeBranches,
    model(`h = If(c) <${one}> i, j = If(c) <${other}> y = Sum(h, i, j)`),
  )
  expect(report.applied).toBe(2)
  await expectEqualModels(before, after)
})

test('a condition that follows from sizes is settled once these are folded', async () => {
  const before = parseModel(
    model(
      `s = Shape<start = 1, end = 2>(x) q = Squeeze(s) e = Equal(q, three)
       h = If(e) <${branch('then', 'p = Neg(x)')}, ${branch('else', 'p = Abs(x)')}> y = Relu(h)`,
      'int64 three = {3}',
    ),
  )
  let after = before
  for (const pass of [foldShapeArithmetic, foldConstants, takeBranches]) after = (await pass.run(after, {}, [])).model
  expect(opsOf(after)).toEqual(['Neg', 'Relu'])
  await expectEqualModels(before, after)
})

test.each([
  ['a condition that is computed', 'b = ReduceSum(x) d = Cast<to = 9>(b)', 'p = Neg(x)', []],
  [
    'a branch with a branch of its own',
    'd = Identity(c)',
    `m = ReduceSum(x) n = Cast<to = 9>(m) p = If(n) <${branch('then', 'p = Neg(x)')}, ${branch('else', 'p = Abs(x)')}>`,
    ['its branch holds graphs of its own'],
  ],
])('left alone: %s', async (_, before, inner, reasons) => {
  const condition = before.includes('Identity') ? 'c' : 'd'
  const setup = before.includes('Identity') ? '' : before
  const result = await rewriteWith(
    takeBranches,
    model(`${setup} y = If(${condition}) <${branch('then', inner)}, ${branch('else', 'p = Abs(x)')}>`),
  )
  expect(result.report.applied).toBe(0)
  expect(result.reasons).toEqual(reasons)
})
