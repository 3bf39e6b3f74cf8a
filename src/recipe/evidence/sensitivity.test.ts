import { expect, test } from 'vitest'
import { modelWith, randomValue } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { parseModel } from '../../ir/index.ts'
import { rangesOf } from './ranges.ts'
import { sensitivityOf } from './sensitivity.ts'

test('what ranges cut off counts, though it stands in few rows and in none of the first', async () => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[N,2] x) => (float[N,2] y) <float[2,2] w = {1,2,3,4}> { y = MatMul(x, w) }`)
  const values = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i) * (Math.floor(i / 2) % 8 === 5 ? 100 : 1))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [40, 2], data: values } })
  const made = await rangesOf(model, data, 'minmax')
  const narrow = { ...made, ranges: { ...made.ranges, x: { min: -1, max: 1 } } }
  const noiseOf = async (ranges: typeof made, indices?: readonly number[]) => {
    const { sources, samples } = await sensitivityOf(model, data, ranges, { indices })
    return { noise: sources.find(({ kind, name }) => kind === 'value' && name === 'x')!.noise, samples }
  }
  const cut = await noiseOf(narrow)
  expect(cut.samples).toBe(32)
  // Of five rows of forty next to nothing is left.
  expect(cut.noise).toBeGreaterThan(0.05)
  // Of the rows that may be used alone.
  const few = await noiseOf(narrow, [0, 1, 2, 3])
  expect([few.samples, few.noise < 1e-3]).toEqual([4, true])
})

test('two processors find the same to the bit, and hear of every run', async () => {
  const model = modelWith('g (float[1,3,8,8] x) => (float y) { a = Conv(x, w)  b = Relu(a)  y = Conv(b, v) }', {
    w: [8, 3, 3, 3],
    v: [4, 8, 3, 3],
  })
  const { data: values } = randomValue([10, 3, 8, 8], 3)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [10, 3, 8, 8], data: values } })
  const ranges = await rangesOf(model, data, 'minmax')
  const found = async (workers: number) => {
    const heard: string[] = []
    const report = await sensitivityOf(model, data, ranges, { workers, onProgress: (text) => heard.push(text) })
    return { report, heard }
  }
  const [one, two] = [await found(1), await found(2)]
  expect(one.report.sources.length).toBeGreaterThan(3)
  expect(two).toEqual(one)
  expect(one.heard).toHaveLength(40)
})
