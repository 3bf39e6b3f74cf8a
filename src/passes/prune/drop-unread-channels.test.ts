import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { type Model, type Tensor, tensorOf, tensorValues } from '../../ir/index.ts'
import { dropUnreadChannels } from './drop-unread-channels.ts'

/** The model with weights of 0 where `isZero` says so of the place of a number. */
function without(model: Model, name: string, isZero: (place: number) => boolean): Model {
  const weight = model.graph.initializers.get(name)!
  const values = Float32Array.from(tensorValues(weight) as Float32Array, (value, i) => (isZero(i) ? 0 : value))
  const initializers = new Map<string, Tensor>(model.graph.initializers)
  initializers.set(name, tensorOf('float32', weight.dims, values, name))
  return { ...model, graph: { ...model.graph, initializers } }
}

const widthOf = (model: Model, name: string) => model.graph.initializers.get(name)!.dims

/** Two parts of a spectrum, their power, and a bank of filters that reads some of the 40 frequencies. */
const spectrum = () =>
  modelWith(
    `g (float[N,1,64] x) => (float y) <float two = {2}, int64[1] one = {1}>
     { r = Conv<strides = [8]>(x, cosines) i = Conv<strides = [8]>(x, sines)
       ru = Unsqueeze(r, one) rt = Transpose<perm = [0, 1, 3, 2]>(ru) rp = Pow(rt, two)
       iu = Unsqueeze(i, one) it = Transpose<perm = [0, 1, 3, 2]>(iu) ip = Pow(it, two)
       p = Add(rp, ip) m = MatMul(p, bank) y = Abs(m) }`,
    { cosines: [40, 1, 16], sines: [40, 1, 16], bank: [40, 6] },
  )

test('frequencies that no filter reads are not computed; whole blocks are left', async () => {
  // Read are 3 to 21: nineteen of them.
  const model = without(spectrum(), 'bank', (i) => i < 3 * 6 || i >= 22 * 6)
  const { before, after, report } = await rewriteWith(dropUnreadChannels, model)
  expect(report.applied).toBe(16)
  for (const name of ['cosines', 'sines', 'bank']) expect(widthOf(after, name)[0]).toBe(24)
  await expectEqualModels(before, after)
})

test('a convolution that multiplies channels by 0 needs none of them, nor what stands between', async () => {
  const model = without(
    modelWith('g (float[1,3,6,5] x) => (float y) { a = Conv(x, w, b) r = Relu(a) y = Conv(r, v) }', {
      w: [16, 3, 1, 1],
      b: [16],
      v: [5, 16, 3, 3],
    }),
    'v',
    (i) => Math.floor(i / 9) % 16 >= 6,
  )
  const { before, after, report } = await rewriteWith(dropUnreadChannels, model)
  expect(report.applied).toBe(8)
  expect(['w', 'b', 'v'].map((name) => widthOf(after, name))).toEqual([[8, 3, 1, 1], [8], [5, 8, 3, 3]])
  await expectEqualModels(before, after)
})

test.each([
  ['that fill a block stay', 20, 0],
  ['that are whole blocks go', 12, 16],
] as const)('channels of zeros %s', async (_, used, gone) => {
  const wide = modelWith(
    'g (float[1,3,6,5] x) => (float y) { a = Conv(x, w, b) r = Relu(a) d = Conv<group = 32>(r, u, c) y = Conv(d, v) }',
    { w: [32, 3, 1, 1], b: [32], u: [32, 1, 3, 3], c: [32], v: [5, 32, 1, 1] },
  )
  const idle = (each: number) => (i: number) => Math.floor(i / each) % 32 >= used
  const each = { w: 3, b: 1, u: 9, c: 1, v: 1 }
  const model = Object.entries(each).reduce((filled, [name, size]) => without(filled, name, idle(size)), wide)
  const { before, after, report } = await rewriteWith(dropUnreadChannels, model)
  expect(report.applied).toBe(gone)
  expect(widthOf(after, 'w')[0]).toBe(32 - gone)
  await expectEqualModels(before, after)
})

test.each([
  ['a weight that is not 0', 'y = MatMul(r, v)', (i: number) => i > 0 && i % 3 !== 0],
  ['another reader', 'm = MatMul(r, v) s = Softmax(r) t = ReduceMax(s) y = Add(m, t)', () => true],
  ['the output', 'm = MatMul(r, v) n = ReduceMax(m) y = Add(r, n)', () => true],
] as const)('all channels stay: %s', async (_, body, isZero) => {
  const model = modelWith(`g (float[N,4] x) => (float y) { a = MatMul(x, u) r = Relu(a) ${body} }`, {
    u: [4, 16],
    v: [16, 3],
  })
  expect((await rewriteWith(dropUnreadChannels, without(model, 'v', isZero))).report.applied).toBe(0)
})
