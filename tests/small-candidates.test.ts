import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { inspect, noCache } from '../src/recipe/index.ts'
import { optimize } from '../src/search/index.ts'
import { dataFreeSpecs, placementSpecs } from '../src/search/plan.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

const ROWS = 60

const network = () =>
  modelWith('g (float[N,8,12,12] x) => (float y) { a = Conv(x, u) r = Relu(a) b = Conv(r, v) y = Relu(b) }', {
    u: [64, 8, 3, 3],
    v: [64, 64, 3, 3],
  })
const rows = () => memoryDataset({ x: randomValue([ROWS, 8, 12, 12], 3) })

const FOUR_BITS = ['int8-everywhere-weights4-minmax', 'weight-int4-stored']

test('where the file must be small, convolutions are tried with weights of 4 bits, on integer kernels too', async () => {
  const { report } = await optimize(network(), await rows(), { goal: 'size', cache: noCache, time: 60_000 })
  const smallest = (id: RegExp) =>
    report.candidates.filter((one) => id.test(one.id)).sort((a, b) => a.bytes! - b.bytes!)[0]!
  // Placements that come to the same are one candidate, under the first one's name.
  const [four, stored, eight] = [
    /^int8.*-weights4-minmax$/,
    /^weight-int4-stored$/,
    /^int8(-(?!weights4)[a-z]+)*-minmax$/,
  ].map(smallest)
  expect(four!.bytes!).toBeLessThan(0.7 * eight!.bytes!)
  expect(four!.kernels).toEqual(eight!.kernels)
  expect(four!.kernels!.QLinearConv).toBe(2)
  expect(stored!.bytes!).toBeLessThan(0.7 * eight!.bytes!)
  expect(stored!.kernels!.QLinearConv ?? 0).toBe(0)
}, 120_000)

test('where it is the time that counts, they are not: they take as long as 8 bits and are noisier', () => {
  const inspection = inspect(network())
  const ids = (small: boolean) =>
    [...placementSpecs({ small }), ...dataFreeSpecs(inspection, small)].map(({ id }) => id)
  expect(ids(true)).toEqual(expect.arrayContaining(FOUR_BITS))
  for (const id of FOUR_BITS) expect(ids(false)).not.toContain(id)
})
