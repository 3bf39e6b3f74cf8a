import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Column, memoryDataset, type Rows, sampleRows, splitRows, subset } from './index.ts'

describe('splitRows', () => {
  test('the three parts hold every row once, and the same seed gives the same parts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer(), (rows, seed) => {
        const { calibrate, select, prove } = splitRows(rows, seed)
        expect([...calibrate, ...select, ...prove].sort((a, b) => a - b)).toEqual(
          Array.from({ length: rows }, (_, i) => i),
        )
        expect(calibrate.length).toBe(Math.floor(rows * 0.2))
        expect(select.length).toBe(Math.floor(rows * 0.3))
        expect(splitRows(rows, seed)).toEqual({ calibrate, select, prove })
      }),
    )
  })

  test('another seed gives other parts', () => {
    expect(splitRows(100, 1)).not.toEqual(splitRows(100, 2))
  })

  test('all copies of one row go with it', () => {
    const repeats = new Map([10, 11, 12].map((row) => [row, 4]))
    const parts = Object.values(splitRows(13, 0, { repeats })) as (readonly number[])[]
    expect(parts.flat()).toHaveLength(13)
    expect(parts.find((part) => part.includes(4))).toEqual(expect.arrayContaining([10, 11, 12]))
  })

  test('copies go where the row goes that they repeat; different rows are what is shared out', () => {
    // Rows 100 to 149 repeat the first 50.
    const repeats = new Map(Array.from({ length: 50 }, (_, i) => [100 + i, i]))
    for (let seed = 0; seed < 20; seed++) {
      const parts = Object.values(splitRows(150, seed, { repeats })) as (readonly number[])[]
      expect(parts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, row) => row))
      for (const part of parts) {
        expect([...part].sort((a, b) => a - b)).toEqual(part)
        for (const row of part) if (row >= 100) expect(part).toContain(row - 100)
      }
      expect(parts.map((part) => part.filter((row) => row < 100).length)).toEqual([20, 30, 50])
    }
  })

  test('rows are chosen evenly: each of 10 is in a sample of 3 in about 3 of 10 seeds', () => {
    const counts = new Array<number>(10).fill(0)
    for (let seed = 0; seed < 2000; seed++) for (const row of sampleRows(10, 3, seed)) counts[row]!++
    // 600 expected, standard deviation √(2000 · 0.3 · 0.7) ≈ 20.5; five of them.
    for (const count of counts) expect(Math.abs(count - 600)).toBeLessThan(103)
  })

  test('rows are split evenly: each of 10 is among the 3 to select in about 3 of 10 seeds', () => {
    const counts = new Array<number>(10).fill(0)
    for (let seed = 0; seed < 2000; seed++) for (const row of splitRows(10, seed).select) counts[row]!++
    for (const count of counts) expect(Math.abs(count - 600)).toBeLessThan(103)
  })

  test('of two rows either may come first', () => {
    const first = Array.from({ length: 64 }, (_, seed) => splitRows(2, seed, { shares: [1, 1, 0] }).calibrate[0])
    expect(new Set(first)).toEqual(new Set([0, 1]))
  })

  test('a sample is whole rows in the order of the set, and no more than there are', () => {
    expect(sampleRows(10, 2.9, 0)).toHaveLength(2)
    expect(sampleRows(3, 9, 5)).toEqual([0, 1, 2])
    expect(sampleRows(3, -1, 5)).toEqual([])
    const many = sampleRows(1000, 40, 1)
    expect([...many].sort((a, b) => a - b)).toEqual(many)
  })

  test('shares are parts of their sum', () => {
    const sizes = (parts: object) => Object.values(parts).map((part: readonly number[]) => part.length)
    expect(sizes(splitRows(8, 0, { shares: [1, 2, 1] }))).toEqual([2, 4, 2])
    expect(sizes(splitRows(8, 0, { shares: [0, 0, 3] }))).toEqual([0, 0, 8])
  })

  test('of a set its rows are split; the seed is 0 where none is given', async () => {
    expect(splitRows(await memoryDataset(columns))).toEqual(splitRows(5, 0))
  })

  test.each([{ shares: [-1, 1, 1] }, { shares: [0, 0, 0] }, { shares: [Number.NaN, 1, 1] }] as const)(
    'shares that cannot be: %j',
    ({ shares }) => {
      expect(() => splitRows(10, 0, { shares })).toThrow(/cannot split rows/)
    },
  )
})

const columns: Record<string, Column> = {
  x: { dtype: 'float32', dims: [5, 2], data: Float32Array.from({ length: 10 }, (_, i) => i) },
  label: { dtype: 'string', dims: [5], data: ['a', 'b', 'c', 'd', 'e'] },
}

async function all(read: AsyncIterable<Rows>): Promise<Rows[]> {
  const batches: Rows[] = []
  for await (const rows of read) batches.push(rows)
  return batches
}

describe('memoryDataset and subset', () => {
  test('rows, roles and digest', async () => {
    const dataset = await memoryDataset(columns)
    expect(dataset.fields.map(({ name, role }) => [name, role])).toEqual([
      ['x', 'input'],
      ['label', 'label'],
    ])
    const batches = await all(dataset.read({ batch: 4 }))
    expect(batches.map(({ indices }) => indices)).toEqual([[0, 1, 2, 3], [4]])
    expect(batches[1]!.columns.x!.data).toEqual(Float32Array.of(8, 9))
    const changed = {
      ...columns,
      x: { ...columns.x!, data: Float32Array.from({ length: 10 }, (_, i) => i + (i === 7 ? 1 : 0)) },
    }
    expect(await (await memoryDataset(changed)).digest()).not.toBe(await dataset.digest())
    expect(await (await memoryDataset(columns)).digest()).toBe(await dataset.digest())
  })

  test('a view numbers its own rows and reads only those', async () => {
    const dataset = await memoryDataset(columns)
    const view = subset(dataset, [4, 1, 1])
    expect(view.rows).toBe(3)
    const batches = await all(view.read({ batch: 2 }))
    expect(batches.map(({ indices }) => indices)).toEqual([[0, 1], [2]])
    expect(batches.map(({ places }) => places)).toEqual([[4, 1], [1]])
    expect((await all(subset(view, [0]).read()))[0]!.places).toEqual([4])
    expect(batches[0]!.columns.label!.data).toEqual(['e', 'b'])
    expect((await all(view.read({ indices: [2, 0] })))[0]!.columns.label!.data).toEqual(['b', 'e'])
    expect((await all(subset(view, [0]).read()))[0]!.columns.x!.data).toEqual(Float32Array.of(8, 9))
    expect(await view.digest()).not.toBe(await subset(dataset, [4, 1]).digest())
    await expect(all(view.read({ indices: [3] }))).rejects.toThrow(/Row 3 does not exist/)
    expect(() => subset(dataset, [5])).toThrow(/Row 5 does not exist/)
  })

  test('a view has the classes and pixels of the whole, and its digest tells every row', async () => {
    const whole = await memoryDataset({ x: { dtype: 'int8', dims: [5001], data: new Int8Array(5001) } })
    const told = { ...whole, classNames: ['a', 'b'], pixels: {} }
    expect(subset(told, [1])).toMatchObject({ classNames: ['a', 'b'], pixels: {} })
    const rows = Array.from({ length: 5000 }, (_, row) => row)
    const digest = await subset(whole, rows).digest()
    for (const changed of [0, 4096, 4999])
      expect(await subset(whole, rows.with(changed, 5000)).digest()).not.toBe(digest)
  })

  test('columns of different lengths', async () => {
    await expect(
      memoryDataset({ ...columns, z: { dtype: 'int8', dims: [4], data: new Int8Array(4) } }),
    ).rejects.toThrow(/"z" has 4 rows, but "x" has 5/)
  })
})
