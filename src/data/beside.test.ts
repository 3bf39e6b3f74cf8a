import { describe, expect, test } from 'vitest'
import { beside, type Column, corrupted, type Dataset, memoryDataset, type ReadOptions, understand } from './index.ts'

const floats = (values: readonly number[], dims: readonly number[]): Column => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
})
const labels = (values: readonly number[]): Column => ({
  dtype: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
})
const rowsOf = (count: number, size: number, scale = 1) =>
  floats(
    Array.from({ length: count * size }, (_, i) => scale * Math.floor(i / size)),
    [count, size],
  )
const set = (columns: Readonly<Record<string, Column>>, path: string, input: string) =>
  memoryDataset(columns, { path, inputs: [{ name: input, dtype: 'float32', shape: null }] })

async function all(data: Dataset, options: ReadOptions = {}) {
  const read: (readonly (string | number | bigint)[])[] = []
  for await (const { indices, columns } of data.read(options))
    for (const [i, index] of indices.entries())
      read.push([
        index,
        ...Object.entries(columns).flatMap(([name, { data: values }]) => [
          name,
          values[(i * values.length) / indices.length]!,
        ]),
      ])
  return read
}

describe('beside', () => {
  test('the same rows in two forms, asked for in any order and by field', async () => {
    const a = await set({ x: rowsOf(5, 4), labels: labels([0, 1, 0, 1, 0]) }, 'a', 'x')
    const b = await set({ pixels: rowsOf(5, 8, 10), labels: labels([0, 1, 0, 1, 0]) }, 'b', 'pixels')
    const both = await beside(a, { wide: b })
    expect(both.fields.map(({ name, role, twin }) => [name, role, twin])).toEqual([
      ['x', 'input', undefined],
      ['labels', 'label', undefined],
      ['wide: pixels', 'input', 'x'],
    ])
    expect(await all(both, { indices: [4, 1, 1], batch: 2 })).toEqual([
      [4, 'x', 4, 'labels', 0n, 'wide: pixels', 40],
      [1, 'x', 1, 'labels', 1n, 'wide: pixels', 10],
      [1, 'x', 1, 'labels', 1n, 'wide: pixels', 10],
    ])
    expect(await all(both, { indices: [3], fields: ['wide: pixels'] })).toEqual([[3, 'wide: pixels', 30]])
    expect(await all(both, { indices: [3], fields: ['labels'] })).toEqual([[3, 'labels', 1n]])
    expect(await both.digest()).not.toBe(await a.digest())
  })
  test('what one set leaves out is left out of all, and cuts of batches may differ', async () => {
    const a = await set({ x: rowsOf(6, 1) }, 'a', 'x')
    const b = await set({ x: rowsOf(6, 1, 10) }, 'b', 'x')
    const holed: Dataset = {
      ...b,
      async *read(options) {
        for await (const rows of b.read({ ...options, batch: 1 })) if (rows.indices[0] !== 2) yield rows
      },
    }
    expect(await all(await beside(a, { b: holed }), { batch: 4 })).toEqual(
      [0, 1, 3, 4, 5].map((row) => [row, 'x', row, 'b: x', 10 * row]),
    )
  })
  test('other rows are refused, with the first that differs', async () => {
    const a = await set({ x: rowsOf(3, 1), labels: labels([0, 1, 2]) }, 'a', 'x')
    const fewer = await set({ x: rowsOf(2, 1), labels: labels([0, 1]) }, 'fewer', 'x')
    const other = await set({ x: rowsOf(3, 1), labels: labels([0, 2, 1]) }, 'other', 'x')
    await expect(beside(a, { m: fewer })).rejects.toThrow(/rows for m are not the same rows: 2 of them, and 3 in a/)
    await expect(beside(a, { m: other })).rejects.toThrow(/label of row 1 is 2, and 1 in a/)
  })
  test('chance falls alike on both forms', async () => {
    const picture = (scale: number) => floats(new Array(3 * 64).fill(0.5 * scale), [3, 1, 8, 8])
    const a = await set({ x: picture(1) }, 'a', 'x')
    const b = await set({ image: picture(255) }, 'b', 'image')
    const [small, large] = [
      { ...a, domains: { x: [0, 1] as const } },
      { ...b, domains: { image: [0, 255] as const } },
    ]
    const both = await beside(small, { b: large })
    const noisy = corrupted(both, await understand(both), 'gaussian-noise', 3, 7)
    for await (const { columns } of noisy.read())
      for (const [i, value] of (columns.x!.data as Float32Array).entries())
        expect((columns['b: image']!.data[i] as number) / 255).toBeCloseTo(value, 6)
  })
})
