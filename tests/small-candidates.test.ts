import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { applyRecipe, inspect, noCache, Workbench } from '../src/recipe/index.ts'
import { dataFreeSpecs, placementSpecs, roundedSpec } from '../src/search/plan.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

const ROWS = 60

const network = () =>
  modelWith(
    `g (float[N,8,8,8] x) => (float y) { a = Conv(x, u) r = Relu(a) b = Conv(r, v) s = Relu(b) f = Flatten(s) y = MatMul(f, w) }`,
    { u: [64, 8, 3, 3], v: [64, 64, 3, 3], w: [1024, 16] },
  )
const rows = () => memoryDataset({ x: randomValue([ROWS, 8, 8, 8], 3) })

/** The plan of a search, for a small file or not. */
const plan = (small: boolean) => [...placementSpecs({ small }), ...dataFreeSpecs(inspect(network()), small, 'native')]
const FOUR_BITS = ['int8-weights4-minmax', 'int8-everywhere-weights4-minmax', 'weight-int4-stored']

test('where the file must be small, convolutions are built with weights of 4 bits, on integer kernels and stored', async () => {
  const settings = { margin: 0.01, alpha: 0.05, seed: 0, threads: 1, cache: noCache }
  const model = network()
  const bench = await Workbench.open(model, await rows(), { ...settings, target: 'native' })
  try {
    const build = (id: string) => bench.build(plan(true).find((spec) => spec.id === id)!)
    const eight = await build('int8-everywhere-minmax')
    const four = await build('int8-everywhere-weights4-minmax')
    expect((await bench.kernels(four)).counts).toEqual((await bench.kernels(eight)).counts)
    expect((await bench.kernels(four)).counts!.QLinearConv).toBe(2)
    expect(four.bytes).toBeLessThan(0.65 * eight.bytes)
    const stored = await build('weight-int4-stored')
    expect((await bench.kernels(stored)).counts!.QLinearConv ?? 0).toBe(0)
    expect(stored.bytes).toBeLessThan(0.65 * eight.bytes)

    // What the products read brings the codes nearer, and the numbers are kept for the recipe.
    const nearer = await bench.build(roundedSpec(stored.spec, 'gptq'))
    expect(nearer.digest).not.toBe(stored.digest)
    const again = await applyRecipe(nearer.recipe, model, { tensors: bench.tensors })
    expect(again.report.after.digest).toBe(nearer.digest)
  } finally {
    await bench.close()
  }
}, 60_000)

test('where it is the time that counts, they are not: they take as long as 8 bits and are noisier', () => {
  const ids = (small: boolean) => plan(small).map(({ id }) => id)
  expect(ids(true)).toEqual(expect.arrayContaining(FOUR_BITS))
  for (const id of FOUR_BITS) expect(ids(false)).not.toContain(id)
})

test('weights of 8 bits are tried on the kernel that is fast: natively it rounds what it reads', () => {
  const level = (target: 'native' | 'portable' | 'web', id: string) =>
    dataFreeSpecs(inspect(network()), false, target).find((spec) => spec.id === id)?.pass
  for (const target of ['native', 'portable'] as const) {
    expect(level(target, 'weight-int8')).toEqual({ accuracyLevel: 4 })
    expect(level(target, 'weight-int8-wide')).toEqual({ accuracyLevel: 4, block: 256, fewest: 32_768 })
  }
  for (const id of ['weight-int8', 'weight-int8-wide']) expect(level('web', id)).toBeUndefined()
  expect(level('native', 'weight-int4')).toBeUndefined()
})
