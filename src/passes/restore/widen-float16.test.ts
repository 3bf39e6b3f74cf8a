import { expect, test } from 'vitest'
import { expectEqualModels, opsOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { inferTypes, parseModel } from '../../ir/index.ts'
import { widenFloat16 } from './widen-float16.ts'

const head = '<ir_version: 10, opset_import: ["" : 20]>'
/** The notation gives float16 by its bits. */
const HALF = `${head} g (float16[N,2] x, bool c) => (float16[N,2] y, float16[N,2] x2)
  <float16[2,2] w = {15872, 49152, 13312, 17408}, float16[2] unread = {15360, 16384}> {
    p = MatMul(x, w)
    h = Constant<value = float16[2] {14336, 15360}>()
    q = Add(p, h)
    n = If(c) <then_branch = a () => (float16[N,2] s) { s = Mul(q, h) }, else_branch = b () => (float16[N,2] s) { k = Cast<to = 10>(q) s = Mul(k, x) }>
    x2 = Identity(q)
    y = Add(n, q)
  }`

test('everything inside is float32, what goes in and comes out keeps its name and type', async () => {
  const { before, after } = await rewriteWith(widenFloat16, HALF)
  expect(after.graph.inputs).toEqual(before.graph.inputs)
  expect(after.graph.outputs).toEqual(before.graph.outputs)
  expect(opsOf(after)).toEqual(['Cast', 'MatMul', 'Constant', 'Add', 'If', 'Identity', 'Add', 'Cast', 'Cast'])
  const ends = new Set(['x', 'y', 'x2'])
  for (const [name, type] of inferTypes(after))
    if (type.kind === 'tensor' && !ends.has(name)) expect([name, type.dtype]).not.toEqual([name, 'float16'])
  expect([...after.graph.initializers.values()].map(({ dtype }) => dtype)).toEqual(['float32', 'float32'])
  await expectEqualModels(before, after, { tolerance: 2 ** -8 })
})

test('a model without float16 is the same one', async () => {
  const model = parseModel(`${head} g (float[N] x) => (int64[N] y) { y = Cast<to = 7>(x) }`)
  const { after, report } = await rewriteWith(widenFloat16, model)
  expect(after).toBe(model)
  expect(report.applied).toBe(0)
})

test('a constant that callers may give instead has the type that it is stored in', async () => {
  const source = `${head} g (float[N,2] x, float16[2] w) => (float[N,2] y) <float16[2] w = {15360, 16384}> { f = Cast<to = 1>(w) y = Mul(x, f) }`
  const { after } = await rewriteWith(widenFloat16, source)
  expect(after.graph.inputs[1]!.type).toMatchObject({ dtype: 'float32' })
})
