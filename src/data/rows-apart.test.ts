import { expect, test } from 'vitest'
import type { Column } from './dataset.ts'
import { memoryDataset } from './memory-dataset.ts'
import { RowHash } from './row-hash.ts'
import { repeatsIn, rowsApart, tellApart, tellRepeats } from './rows-apart.ts'

const set = (values: readonly number[], path = 'memory') =>
  memoryDataset(
    {
      x: {
        dtype: 'float32',
        dims: [values.length, 2],
        data: Float32Array.from(values.flatMap((value) => [value, 0.5])),
      },
      labels: { dtype: 'int64', dims: [values.length], data: BigInt64Array.from(values, (_, i) => BigInt(i)) },
    },
    { path, inputs: [{ name: 'x', dtype: 'float32', shape: [null, 2] }] },
  )

test('rows that another set holds are left out, wherever they stand and whatever their labels are', async () => {
  const result = await rowsApart(await set([1, 2, 3, 4], 'proof'), [await set([9, 4, 8]), await set([2])])
  expect(result).toMatchObject({ shared: 2, common: 0 })
  const { value: rows } = await result.data.read()[Symbol.asyncIterator]().next()
  expect([...rows.columns.x.data]).toEqual([1, 0.5, 3, 0.5])
  expect(tellApart(result, 'prove', '"data"')).toEqual([
    '2 rows of "proof" stand in "data" as well, and were not used to prove',
  ])
})

test('rows that a set holds several times are met again by chance: they stay, and are told', async () => {
  const result = await rowsApart(await set([1, 1, 2, 3], 'proof'), [await set([1, 2, 2])])
  expect(result).toMatchObject({ shared: 0, common: 3 })
  expect(result.data.rows).toBe(4)
  expect(tellApart(result, 'prove', '"data"').join()).toMatch(/^3 rows of "proof" look like rows of "data"/)
})

test('a row that only one of the others holds twice stays as well, whichever of them it is', async () => {
  const others = [await set([2, 2]), await set([2])]
  for (const order of [others, others.toReversed()])
    expect(await rowsApart(await set([2, 3]), order)).toMatchObject({ shared: 0, common: 1 })
})

test('sets are held against each other by the inputs that both have', async () => {
  const both = (names: readonly string[], ...values: readonly number[]) =>
    memoryDataset(
      Object.fromEntries(
        names.map((name) => [name, { dtype: 'float32', dims: [values.length], data: Float32Array.from(values) }]),
      ),
      { inputs: names.map((name) => ({ name, dtype: 'float32', shape: ['n'] })) },
    )
  const result = await rowsApart(await both(['a', 'b'], 1, 2), [await both(['a'], 2, 7)])
  expect(result).toMatchObject({ shared: 1, common: 0 })
  expect(tellApart(result, 'prove', '"data"').join()).toMatch(/^1 row of /)
  expect(await rowsApart(await both(['b'], 1, 2), [await both(['a'], 2, 7)])).toMatchObject({ shared: 0, common: 0 })
})

test('a set without anything in common stays as it is', async () => {
  const data = await set([1, 2])
  const result = await rowsApart(data, [await set([3, 4])])
  expect(result).toEqual({ data, shared: 0, common: 0 })
  expect(tellApart(result, 'prove', '"data"')).toEqual([])
})

test('rows of one set that repeat an earlier one are named with the first, whatever their labels are', async () => {
  const repeats = await repeatsIn(await set([7, 8, 7, 9, 8, 7]))
  expect([...repeats]).toEqual([
    [2, 0],
    [4, 1],
    [5, 0],
  ])
  expect(tellRepeats(repeats, { rows: 6 }).join()).toMatch(/^3 of 6 rows hold the inputs of an earlier row/)
  expect((await repeatsIn(await set(Array.from({ length: 2002 }, (_, row) => row % 2001)))).size).toBe(1)
  // Thousands of pictures are not decoded for it, which is told.
  const pictures = { ...(await set([7, 7])), rows: 2001, pixels: {} }
  expect((await repeatsIn(pictures)).size).toBe(0)
  expect(tellRepeats(new Map(), pictures).join()).toMatch(/were not looked for among 2001/)
  expect((await repeatsIn({ ...pictures, rows: 2000 })).size).toBe(1)
  expect(tellRepeats(await repeatsIn(await set([1, 2])), { rows: 2 })).toEqual([])
})

test('rows are told apart by any byte, text or shape, and are the same wherever they stand', () => {
  const hashOf = (column: Column, row = 0, rows = 1) => {
    const hash = new RowHash()
    hash.add(column, row, rows)
    return hash.value
  }
  const bytes = (...data: number[]): Column => ({ dtype: 'uint8', dims: [1, data.length], data: Uint8Array.from(data) })
  const floats = (dims: readonly number[], ...data: number[]): Column => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from(data),
  })
  const texts = (...data: string[]): Column => ({ dtype: 'string', dims: [1, data.length], data })
  const kinds = [
    ...[bytes(1, 2, 3, 4, 5), bytes(1, 2, 3, 4, 6), bytes(0, 2, 3, 4, 5)],
    ...[floats([1, 2, 1], 1, 2), floats([1, 1, 2], 1, 2), floats([1, 2, 1], 1, 3), floats([1, 2, 1], 0, 2)],
    ...[texts('ab', 'c'), texts('a', 'bc'), texts('ab', 'd')],
  ]
  expect(new Set(kinds.map((kind) => hashOf(kind))).size).toBe(kinds.length)
  const two = floats([2, 2, 1], 0, 2, 1, 2)
  expect([0, 1].map((row) => hashOf(two, row, 2))).toEqual([kinds[6], kinds[3]].map((kind) => hashOf(kind!)))
  // Of 2²¹ hashes 20,000 rows would share about a hundred.
  const many = Array.from({ length: 20_000 }, (_, i) => hashOf(floats([1, 2], (i * 7919) % 20_011, i % 101)))
  expect(new Set(many).size).toBe(many.length)
})
