import { expect, test, vi } from 'vitest'
import { modelWith, randomValue } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { rangesOf } from './ranges.ts'
import { sensitivityOf } from './sensitivity.ts'

test('what ranges cut off counts, though it stands in few rows and in none of the first', async () => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[N,2] x) => (float[N,2] y) <float[2,2] w = {1,2,3,4}> { y = MatMul(x, w) }`)
  const values = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i) * (Math.floor(i / 2) % 8 === 5 ? 100 : 1))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [40, 2], data: values } })
  const made = await rangesOf(model, data, 'minmax', {})
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
  // In a hurry fewer runs must do, spread over all rows.
  expect((await sensitivityOf(model, data, narrow, { runs: 8 })).samples).toBe(8)
})

test('where the runtime refuses the way back nothing is known of roundings, and nobody is blamed', async () => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[N,2] x) => (float[N,2] y) <float[2,2] w = {1,2,3,4}> { y = MatMul(x, w) }`)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [4, 2], data: new Float32Array(8).fill(1) } })
  const ranges = await rangesOf(model, data, 'minmax', {})
  const { open } = ortNode
  const failing = async (error: Error) => {
    let opened = 0
    const spy = vi.spyOn(ortNode, 'open').mockImplementation((...given) => {
      if (opened++ === 0) return open(...given)
      return Promise.reject(error)
    })
    try {
      return await sensitivityOf(model, data, ranges)
    } finally {
      spy.mockRestore()
    }
  }
  expect(await failing(new UserError('bad-model', 'an invalid model'))).toMatchObject({ sources: [], samples: 0 })
  await expect(failing(new UserError('out-of-resources', 'out of memory'))).rejects.toThrow('out of memory')
})

test('two processors find the same to the bit, and hear of every run', async () => {
  const model = modelWith('g (float[1,3,8,8] x) => (float y) { a = Conv(x, w)  b = Relu(a)  y = Conv(b, v) }', {
    w: [8, 3, 3, 3],
    v: [4, 8, 3, 3],
  })
  const { data: values } = randomValue([10, 3, 8, 8], 3)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [10, 3, 8, 8], data: values } })
  const ranges = await rangesOf(model, data, 'minmax', {})
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
