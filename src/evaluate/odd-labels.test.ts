import { expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import { oddLabels } from './odd-labels.ts'

const rows = (values: readonly number[]) => values.map((_, row) => row)
const numbers = async (values: readonly number[]) =>
  oddLabels(
    await memoryDataset(
      { labels: { dtype: 'float32', dims: [values.length], data: Float32Array.from(values) } },
      { label: 'labels' },
    ),
    rows(values),
    undefined,
  )

test('the least and the greatest number, and the first of every kind that is no class', async () => {
  expect(await numbers([3, 1, 4, 1, 5, 5])).toEqual([1, 4])
  expect(await numbers([3, Number.NaN, 0.5, Number.NaN, 2, 1.5])).toEqual([1, 2, 0])
  expect(await numbers([2, 2])).toEqual([0])
})

test('a text that is empty, and a name that is none of the data set', async () => {
  const labels = { dtype: 'string', dims: [4], data: ['cat', 'dog', '', 'cow'] } as const
  expect(await oddLabels(await memoryDataset({ labels }, { label: 'labels' }), [0, 1, 2, 3], 'labels')).toEqual([2])
  const named = await memoryDataset({ labels }, { label: 'labels', classNames: ['cat', 'dog'] })
  expect(await oddLabels(named, [1, 0], undefined)).toEqual([0, 1])
  await expect(oddLabels(named, [0, 3], 'labels')).rejects.toThrow('"cow" of row 3 is none of the 2 classes')
})

test('labels of several values are not looked at, and neither is a field that is not there', async () => {
  const values = { dtype: 'float32', dims: [2, 2], data: Float32Array.of(1, Number.NaN, 3, 4) } as const
  const data = await memoryDataset({ labels: values }, { label: 'labels' })
  expect(await oddLabels(data, [0, 1], 'labels')).toEqual([])
  expect(await oddLabels(data, [0, 1], 'truth')).toEqual([])
})
