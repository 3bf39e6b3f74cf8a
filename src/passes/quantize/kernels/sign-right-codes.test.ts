import { expect, test } from 'vitest'
import { inIntegers, modelWith, optimizedBy, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { inferTypes, type Model, tensorDtype } from '../../../ir/index.ts'
import { productSafety } from '../portable.ts'
import { signRightCodes } from './sign-right-codes.ts'

/** Two heads of 32 features over so many tokens, whose values are split, moved and multiplied as exporters spell it. */
const attention = (tokens: number) =>
  modelWith(
    `g (float[N,${tokens},64] x) => (float y) <int64[4] heads = {0, ${tokens}, 2, 32}, int64[3] rows = {0, ${tokens}, 64}> {
       a = MatMul(x, q)  b = MatMul(x, k)  c = MatMul(x, v)
       ah = Reshape(a, heads)  bh = Reshape(b, heads)  ch = Reshape(c, heads)
       at = Transpose<perm = [0, 2, 1, 3]>(ah)  bt = Transpose<perm = [0, 2, 3, 1]>(bh)
       ct = Transpose<perm = [0, 2, 1, 3]>(ch)
       s = MatMul(at, bt)  p = Softmax<axis = -1>(s)  o = MatMul(p, ct)
       ot = Transpose<perm = [0, 2, 1, 3]>(o)  r = Reshape(ot, rows)  y = MatMul(r, w) }`,
    { q: [64, 64], k: [64, 64], v: [64, 64], w: [64, 64] },
    20,
  )

async function quantized(model: Model, tokens: number) {
  const feeds = { x: randomValue([1, tokens, 64], 3) }
  return { feeds, before: (await inIntegers(model, feeds)).model }
}

/** The types of the codes on the right of products of two activations, as the runtime multiplies them. */
async function rightSides(model: Model): Promise<readonly (string | undefined)[]> {
  const optimized = await optimizedBy(model, 'all')
  const types = inferTypes(optimized)
  return optimized.graph.nodes.flatMap(({ opType, inputs }) => {
    const right = inputs[opType === 'QLinearMatMul' ? 3 : opType === 'MatMulIntegerToFloat' ? 1 : -1]
    return right === undefined || optimized.graph.initializers.has(right) ? [] : [tensorDtype(types.get(right))]
  })
}

test('keys and values of attention are multiplied as signed codes, to the same bits', async () => {
  const { feeds, before } = await quantized(attention(96), 96)
  const { model: after, report } = await signRightCodes.run(before, {}, [])
  expect(report.applied).toBe(2)
  expect(await rightSides(before)).toEqual(['uint8', 'uint8'])
  expect(await rightSides(after)).toEqual(['int8', 'int8'])
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
})

test('few rows are left alone', async () => {
  const { before } = await quantized(attention(16), 16)
  const { report } = await signRightCodes.run(before, {}, [])
  expect(report.applied).toBe(0)
  expect(report.refused.map(({ reason }) => reason)).toEqual(
    Array(2).fill('signing its codes would cost more than it saves'),
  )
})

test('codes that others read as well stay', async () => {
  const model = modelWith(
    `g (float[N,96,64] x) => (float y) {
       a = MatMul(x, q)  t = Transpose<perm = [0, 2, 1]>(a)  s = MatMul(x, t)  u = MatMul(t, x)  v = MatMul(s, x)
       w = MatMul(u, t)  z = Transpose<perm = [0, 2, 1]>(w)  y = Concat<axis = 1>(v, z) }`,
    { q: [64, 64] },
    20,
  )
  const { before } = await quantized(model, 96)
  const { report } = await signRightCodes.run(before, {}, [])
  expect(report.applied).toBe(0)
})

test('a processor without VNNI may saturate by it, which is why the portable target does without', async () => {
  const { before } = await quantized(attention(96), 96)
  const { model: after } = await signRightCodes.run(before, {}, [])
  const unsafe = (model: Model) =>
    productSafety(model).filter(({ channels, form }) => channels === 1 && form === 'full')
  expect(unsafe(before)).toHaveLength(0)
  expect(unsafe(after)).toHaveLength(2)
})
