import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { engineContract } from './contract-kit.ts'
import { reference, referenceWith } from './reference.ts'

engineContract('reference', reference)

const model = (body: string) => parseModel(`<ir_version: 10, opset_import: ["" : 20]> ${body}`)

test('float64 carries what float32 would round away', async () => {
  const source = model('g (float[1] x) => (float[1] y) <float[1] one = {1}> { s = Add(x, one)  y = Sub(s, one) }')
  const x = { dtype: 'float32', dims: [1], data: Float32Array.of(2 ** -40) } as const
  const plain = await (await reference.open(source)).run({ x })
  expect(plain.y).toEqual({ dtype: 'float32', dims: [1], data: Float32Array.of(0) })
  const session = await referenceWith({ float64: true }).open(source)
  expect((await session.run({ x })).y).toEqual({ dtype: 'float64', dims: [1], data: Float64Array.of(2 ** -40) })
  const wide = { dtype: 'float64', dims: [1], data: Float64Array.of(1e-12) } as const
  expect(Math.abs(((await session.run({ x: wide })).y?.data[0] as number) - 1e-12)).toBeLessThan(1e-15)
})

test('a node whose inputs do not fit is named, and a random one refused', async () => {
  const wrong = model('g (float[A] x, float[B] z) => (float[C] y) { y = Add(x, z) }')
  const session = await reference.open(wrong)
  const vector = (values: number[]) =>
    ({ dtype: 'float32', dims: [values.length], data: Float32Array.from(values) }) as const
  await expect(session.run({ x: vector([1, 2]), z: vector([1, 2, 3]) })).rejects.toMatchObject({
    code: 'unsupported',
    where: 'y',
    message: expect.stringContaining('[2] and [3] do not broadcast'),
  })
  const random = await reference.open(model('g (float[2] x) => (float[2] y) { y = RandomNormalLike(x) }'))
  await expect(random.run({ x: vector([1, 2]) })).rejects.toThrow(/RandomNormalLike.*random/)
})

test('only what the asked names need is computed', async () => {
  const source = model('g (float[2] x) => (float[2] y) { r = RandomNormalLike(x)  n = Neg(x)  y = Add(r, n) }')
  const session = await reference.open(source)
  const x = { dtype: 'float32', dims: [2], data: Float32Array.of(1, 2) } as const
  expect((await session.run({ x }, ['n'])).n?.data).toEqual(Float32Array.of(-1, -2))
})
