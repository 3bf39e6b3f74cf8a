import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { parseModel } from '../../ir/index.ts'
import { askTeacher, labelsOf } from './learning-rows.ts'

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

test('a teacher that answers exactly several rows together is refused by its input, whatever is left for its last run', async () => {
  const teacher = parseModel(
    `<ir_version: 8, opset_import: ["" : 13]> g (float[4,1] x) => (float[4,1] y)
     { m = ReduceMax<axes: ints = [0]>(x) y = Sub(x, m) }`,
  )
  const inputs = [{ name: 'x', dtype: 'float32', shape: [4, 1] }] as const
  const data = await memoryDataset(
    { x: { dtype: 'float32', dims: [7, 1], data: Float32Array.from({ length: 7 }, (_, i) => i) } },
    { inputs },
  )
  await expect(
    askTeacher(teacher, { outputs: [], label: null }, data, [0, 1, 2, 3, 4, 5, 6], {}),
  ).rejects.toMatchObject({
    message: 'input "x" takes exactly 4 rows at a time (shape [4,1])',
  })
})
