import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { labelsOf } from './learning-rows.ts'

test('a row without a label is named as such, and a label beyond the classes with their number', async () => {
  const inputs = [{ name: 'x', dtype: 'float32', shape: ['N', 1] }] as const
  const learned = async (...labels: number[]) => {
    const x = { dtype: 'float32', dims: [labels.length, 1], data: new Float32Array(labels.length) } as const
    const column = { dtype: 'float64', dims: [labels.length], data: Float64Array.from(labels) } as const
    const data = await memoryDataset({ x, labels: column }, { inputs, label: 'labels' })
    for await (const rows of data.read({ fields: ['labels'] }))
      return labelsOf(rows, { field: 'labels', classes: 3 }, data).data
    return undefined
  }
  expect(await learned(0, 2)).toEqual(BigInt64Array.of(0n, 2n))
  await expect(learned(0, Number.NaN)).rejects.toMatchObject({
    message: 'row 1 (counted from 0) has no label: it is empty or NaN',
    hint: expect.stringMatching(/without any labels, .* learned$/),
  })
  await expect(learned(0, 3)).rejects.toThrow('the label 3 of row 1 is none of 3 classes')
})
