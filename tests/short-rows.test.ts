import { expect, test } from 'vitest'
import { checkModel, type Node } from '../src/ir/index.ts'
import { encodeModel, modelBytes } from '../src/onnx/index.ts'
import { passes } from '../src/passes/index.ts'
import { decibels, modelWith, randomValue, runOnce } from './quantize-kit.ts'

const coded = (model: ReturnType<typeof modelWith>, block: number) =>
  passes.quantizeWeights!.run(model, { bits: 4, block } as never, [])

/** The block sizes of the products and lookups in codes. */
const sizes = (nodes: readonly Node[]) =>
  nodes.flatMap(({ attributes }) => {
    const size = attributes.get('block_size')
    return size?.type === 'int' ? [Number(size.value)] : []
  })

test('a group longer than a row is as long as the row: no file grows by what nobody reads, and the report says so', async () => {
  const plain = modelWith('g (float[4,48] x) => (float y) { h = MatMul(x, w) y = MatMul(h, v) }', {
    w: [48, 512],
    v: [512, 48],
  })
  const { model, report } = await coded(plain, 256)
  expect(checkModel(model)).toEqual([])
  // 48 weights, in the least power of two that holds them; rows of 512 have the groups that were asked for.
  expect(sizes(model.graph.nodes)).toEqual([64, 256])
  expect(report.notes!.join()).toMatch(/rows are shorter than a group of 256.*\(64\)/)
  expect(modelBytes(model)).toBeLessThan(modelBytes((await coded(plain, 32)).model))
  const x = randomValue([4, 48], 3)
  expect(decibels((await runOnce(plain, { x })).y!, (await runOnce(model, { x })).y!)).toBeGreaterThan(15)
  // A group of 64 holds the same 48 weights.
  const short = modelWith('g (float[4,48] x) => (float y) { y = MatMul(x, w) }', { w: [48, 512] })
  expect(encodeModel((await coded(short, 256)).model)).toEqual(encodeModel((await coded(short, 64)).model))
})

test('a tied table of short rows is coded as well, lookups and product under one block', async () => {
  const plain = modelWith(
    'g (int64[4] i) => (float y) { e = Gather(t, i) n = Transpose<perm = [1,0]>(t) y = MatMul(e, n) }',
    { t: [96, 64] },
  )
  const { model, report } = await coded(plain, 256)
  expect(report.planned).toEqual({ GatherBlockQuantized: 1, MatMulNBits: 1 })
  expect(sizes(model.graph.nodes)).toEqual([64, 64])
  const i = { dtype: 'int64' as const, dims: [4], data: BigInt64Array.of(3n, 0n, 95n, 17n) }
  expect(decibels((await runOnce(plain, { i })).y!, (await runOnce(model, { i })).y!)).toBeGreaterThan(15)
})

test('products of fewer weights than asked for are stored and run in float; a tied table stays one', async () => {
  const body = 'g (float[1,64] x) => (float y) { h = MatMul(x, w) r = Relu(h) y = MatMul(r, v) }'
  const plain = modelWith(body, { w: [64, 96], v: [96, 64 * 8] })
  const eight = { bits: 8, accuracyLevel: 4, block: 256 }
  const quantized = async (options: object) => passes.quantizeWeights!.run(plain, { ...eight, ...options } as never, [])
  expect((await quantized({})).report.planned).toEqual({ MatMulNBits: 2 })
  const { model, report } = await quantized({ fewest: 10_000 })
  expect(report.planned).toEqual({ MatMulNBits: 1 })
  expect(checkModel(model)).toEqual([])
  expect(modelBytes(model)).toBeLessThan(0.4 * modelBytes(plain))
  const x = randomValue([1, 64], 3)
  expect(decibels((await runOnce(plain, { x })).y!, (await runOnce(model, { x })).y!)).toBeGreaterThan(30)
  const four = await quantized({ bits: 4, fewest: 10_000 })
  expect(four.report.refused.map(({ reason }) => reason).join()).toMatch(/6144 weights are fewer than asked for/)

  const tied = 'g (int64[4] i) => (float y) { e = Gather(t, i) n = Transpose<perm = [1,0]>(t) y = MatMul(e, n) }'
  const table = modelWith(tied, { t: [96, 64] })
  const shared = await passes.quantizeWeights!.run(table, { ...eight, fewest: 10_000 } as never, [])
  expect(shared.report.planned).toEqual({ GatherBlockQuantized: 1, MatMulNBits: 1 })
})
