import { expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import { keepRowsApart } from './rows-apart.ts'

const rows = (from: number) =>
  memoryDataset({ x: { dtype: 'float32', dims: [4, 1], data: Float32Array.from([0, 1, 2, 3], (i) => from + i) } })

test('a set of rows has one purpose', async () => {
  const [data, again, other, third] = await Promise.all([rows(0), rows(0), rows(10), rows(20)])
  const fault = async (sets: Parameters<typeof keepRowsApart>[1]) =>
    await keepRowsApart(data, sets).then(
      () => null,
      ({ message }) => message,
    )
  expect(await fault({})).toBeNull()
  expect(await fault({ calibration: other, proof: third, trainData: await rows(30) })).toBeNull()
  expect(await fault({ proof: again })).toBe('the rows to prove on are the rows that the search judges by')
  expect(await fault({ calibration: again })).toBe('the rows to calibrate on are the rows that the search judges by')
  expect(await fault({ calibration: other, proof: await rows(10) })).toBe(
    'the rows to calibrate on are the rows that prove',
  )
  expect(await fault({ trainData: again })).toBe('the rows to train on are the rows that the search judges by')
  expect(await fault({ proof: other, trainData: other })).toBe('the rows to train on are the rows that prove')
})

test('of sets that share some rows, these judge and prove nothing', async () => {
  const data = await rows(0)
  const apart = await keepRowsApart(data, { proof: await rows(2), trainData: await rows(-2) })
  expect(apart.data.rows).toBe(2)
  expect(apart.proof!.rows).toBe(2)
  expect(apart.warnings).toEqual([
    '2 rows of "memory" stand in "memory" as well, and were not used to judge or prove',
    '2 rows of "memory" stand in "memory" or "memory" as well, and were not used to prove',
  ])
  const { value: first } = await apart.proof!.read()[Symbol.asyncIterator]().next()
  expect([...first.columns.x.data]).toEqual([4, 5])
  const larger = await memoryDataset({ x: { dtype: 'float32', dims: [5, 1], data: Float32Array.of(3, 2, 1, 0, 7) } })
  await expect(keepRowsApart(data, { calibration: larger })).rejects.toThrow('no row is left to judge or prove on')
})
