import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { noCache } from '../src/recipe/index.ts'
import { optimize } from '../src/search/index.ts'
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
  const find = (id: string) => report.candidates.find((one) => one.id === id)!
  const [integers, stored] = FOUR_BITS.map(find)
  const eight = find('int8-typical-minmax')
  expect(integers!.bytes!).toBeLessThan(0.7 * eight.bytes!)
  expect(integers!.kernels).toEqual(eight.kernels)
  expect(stored!.bytes!).toBeLessThan(0.7 * eight.bytes!)
  expect(stored!.kernels!.QLinearConv ?? 0).toBe(0)
}, 120_000)

test('where it is the time that counts, they are not: they take as long as 8 bits and are noisier', async () => {
  const { report } = await optimize(network(), await rows(), { cache: noCache, time: 60_000 })
  const ids = report.candidates.map(({ id }) => id)
  for (const id of FOUR_BITS) expect(ids).not.toContain(id)
}, 120_000)
