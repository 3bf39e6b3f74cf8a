import { expect, test } from 'vitest'
import { memoryDataset, randomNumbers } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import { measureMoments } from './moments.ts'

const random = randomNumbers(3)

test('moments of vectors and of windows are those of all of them, worked out one by one', async () => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[N,4,5,6] x) => (float[N,4,5,6] r) { r = Relu(x) }`)
  const [rows, channels, height, width] = [5, 4, 5, 6]
  const x = Float32Array.from({ length: rows * channels * height * width }, () => random() - 0.3)
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [rows, channels, height, width], data: x } })
  const windows = { kernel: [3, 1], strides: [2, 1], dilations: [1, 1], pads: [1, 0, 1, 0] }
  const session = await ortNode.open(model)
  try {
    const asked = [{ weight: 'w', value: 'r', windows, parts: 2, size: 6 }]
    const { report, tensors } = await measureMoments(session, data, { names: ['x'], gram: true, windows: asked })
    const get = (ref: { readonly digest: string }) => [...(tensors.get(ref.digest) as Float32Array)]

    const at = (row: number, channel: number, i: number, j: number) =>
      i < 0 || i >= height ? 0 : Math.max(0, x[((row * channels + channel) * height + i) * width + j]!)
    const all: number[][] = []
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < 3; i++)
        for (let j = 0; j < width; j++)
          all.push(Array.from({ length: 12 }, (_, k) => at(row, Math.floor(k / 3), 2 * i - 1 + (k % 3), j)))
    const seen = report.windows!.w!
    expect(seen.vectors).toBe(all.length)
    const mean = Array.from({ length: 12 }, (_, k) => all.reduce((sum, one) => sum + one[k]!, 0) / all.length)
    get(seen.mean).forEach((value, k) => {
      expect(value).toBeCloseTo(mean[k]!, 5)
    })
    expect(seen.covariance.shape).toEqual([2, 6, 6])
    get(seen.covariance).forEach((value, i) => {
      const [row, column] = [Math.floor(i / 6), Math.floor(i / 36) * 6 + (i % 6)]
      const sum = all.reduce((sum, one) => sum + (one[row]! - mean[row]!) * (one[column]! - mean[column]!), 0)
      expect(value).toBeCloseTo(sum / all.length, 5)
    })

    const { vectors, meanAbs, gram } = report.values.x!
    expect(vectors).toBe(rows * channels * height)
    get(meanAbs).forEach((value, k) => {
      const sum = x.reduce((sum, one, i) => (i % width === k ? sum + Math.abs(one) : sum), 0)
      expect(value).toBeCloseTo(sum / vectors, 5)
    })
    get(gram!).forEach((value, i) => {
      let sum = 0
      for (let v = 0; v < vectors; v++) sum += x[v * width + Math.floor(i / width)]! * x[v * width + (i % width)]!
      expect(value).toBeCloseTo(sum / vectors, 5)
    })
  } finally {
    await session.close()
  }
})
