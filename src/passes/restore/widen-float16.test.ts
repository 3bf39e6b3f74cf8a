import { expect, test } from 'vitest'
import { expectEqualModels, opsOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { inferTypes, parseModel, toNumbers } from '../../ir/index.ts'
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

/** 1, −2, 0.5 and 4 by their bits. */
const BRAIN = `<bfloat16[2,2] w = {16256, 49152, 16128, 16512}>`

test('so is bfloat16, stored or computed in: what remains runs where there is no kernel for it', async () => {
  const stored = `${head} g (float[N,2] x) => (float[N,2] y) ${BRAIN} { f = Cast<to = 1>(w) y = MatMul(x, f) }`
  const { before, after, report } = await rewriteWith(widenFloat16, stored)
  expect(report.applied).toBe(1)
  expect([...after.graph.initializers.values()].map((w) => [w.dtype, ...toNumbers(w)])).toEqual([
    ['float32', 1, -2, 0.5, 4],
  ])
  await expectEqualModels(before, after, { tolerance: 0 })
  const inside = `${head} g (float[N,2] x) => (bfloat16[N,2] y, float[N,2] z) ${BRAIN}
    { b = Cast<to = 16>(x) p = MatMul(b, w) y = Relu(p) z = Cast<to = 1>(p) }`
  const computed = (await rewriteWith(widenFloat16, inside)).after
  expect(computed.graph.outputs[0]!.type).toMatchObject({ dtype: 'bfloat16' })
  for (const [name, type] of inferTypes(computed))
    if (type.kind === 'tensor' && name !== 'y') expect([name, type.dtype]).toEqual([name, 'float32'])
})
