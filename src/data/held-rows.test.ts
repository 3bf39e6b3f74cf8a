import { expect, test } from 'vitest'
import { all } from './dataset-kit.ts'
import { type Dataset, heldRows, memoryDataset, type ReadOptions } from './index.ts'

/** Thirty rows of three numbers with a label, which count what is asked of them. */
async function counted() {
  const x = Float32Array.from({ length: 90 }, (_, i) => i)
  const labels = BigInt64Array.from({ length: 30 }, (_, i) => BigInt(i % 4))
  const whole = await memoryDataset({
    x: { dtype: 'float32', dims: [30, 3], data: x },
    labels: { dtype: 'int64', dims: [30], data: labels },
  })
  const asked: ReadOptions[] = []
  const dataset: Dataset = {
    ...whole,
    read: (options = {}) => {
      asked.push(options)
      return whole.read(options)
    },
  }
  return { whole, dataset, asked }
}

test('held rows are the same in any order and are read once', async () => {
  const { whole, dataset, asked } = await counted()
  const held = await heldRows(dataset, [7, 3, 29, 0, 11], ['x', 'labels'])
  expect(asked.map(({ indices }) => indices)).toEqual([[0, 3, 7, 11, 29]])
  for (const options of [
    { indices: [29, 0, 7, 7], batch: 3, fields: ['x', 'labels'] },
    { indices: [11, 3], fields: ['labels'] },
  ])
    expect(await all(held, options)).toEqual(await all(whole, options))
  expect(asked).toHaveLength(1)
})

test('more rows than are read at a time, given in batches of the size that is asked for', async () => {
  const x = Float32Array.from({ length: 1000 }, (_, i) => i)
  const whole = await memoryDataset({ x: { dtype: 'float32', dims: [500, 2], data: x } })
  const indices = Array.from({ length: 500 }, (_, i) => i)
  const held = await heldRows(whole, indices, ['x'])
  const parts: number[][] = []
  for await (const part of held.read({ indices: [499, 0, 300, 256], batch: 2, fields: ['x'] }))
    parts.push([...(part.columns.x!.data as Float32Array)])
  expect(parts).toEqual([
    [998, 999, 0, 1],
    [600, 601, 512, 513],
  ])
})

test('other rows and fields come from the set itself', async () => {
  const { whole, dataset, asked } = await counted()
  const held = await heldRows(dataset, [1, 2], ['x'])
  for (const options of [{ indices: [1, 5], fields: ['x'] }, { indices: [1], fields: ['x', 'labels'] }, {}])
    expect(await all(held, options)).toEqual(await all(whole, options))
  expect(asked).toHaveLength(4)
})

test('what takes too much is not held', async () => {
  const { dataset } = await counted()
  expect(await heldRows(dataset, [0, 1, 2], ['x'], 35)).toBe(dataset)
  expect(await heldRows(dataset, [0, 1, 2], ['x'], 36)).not.toBe(dataset)
})

test('text, and rows of different sizes, are not held, whatever else is asked for', async () => {
  const whole = await memoryDataset({
    x: { dtype: 'float32', dims: [2], data: Float32Array.of(1, 2) },
    words: { dtype: 'string', dims: [2], data: ['a', 'b'] },
  })
  expect(await heldRows(whole, [0], ['x', 'words'])).toBe(whole)
  const uneven = { ...whole, fields: whole.fields.map((field) => ({ ...field, rowShape: [null] })) }
  expect(await heldRows(uneven, [0], ['x'])).toBe(uneven)
  // Two numbers a row, where the field says one.
  const pairs = await memoryDataset({ x: { dtype: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) } })
  const wrong = { ...pairs, fields: whole.fields }
  expect(await heldRows(wrong, [0, 1], ['x'])).toBe(wrong)
  expect(await heldRows(whole, [0], [])).toBe(whole)
})

test('a row that could not be read is left out of what is held too', async () => {
  const { whole } = await counted()
  const without = (options: ReadOptions = {}) =>
    whole.read({ ...options, indices: (options.indices ?? []).filter((row) => row !== 3) })
  const held = await heldRows({ ...whole, read: without }, [1, 3, 5], ['x'])
  const read = (from: Dataset, ...indices: readonly number[]) => all(from, { indices, fields: ['x'] })
  expect(await read(held, 5, 3, 1)).toEqual(await read(whole, 5, 1))
})
