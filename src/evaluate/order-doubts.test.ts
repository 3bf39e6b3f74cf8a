import { expect, test } from 'vitest'
import type { TensorValue } from '../engine/index.ts'
import { differences } from './differences.ts'
import { listOrderCheck } from './metric/detection-list.ts'
import { orderDoubts } from './order-doubts.ts'

const list = (entries: readonly (readonly number[])[]): TensorValue => ({
  dtype: 'float32',
  dims: [entries.length, entries[0]!.length],
  data: Float32Array.from(entries.flat()),
})

/** Twelve boxes in the order of their scores, which stand in column 2. */
const found = (seed: number) =>
  Array.from({ length: 12 }, (_, i) => [
    Math.sin(seed + i) * 100,
    Math.cos(seed * i) * 100,
    0.9 - 0.05 * i - seed / 100,
  ])

const columnOf = (...values: TensorValue[]) => {
  const check = listOrderCheck()
  for (const value of values) check.add(value)
  return check.column
}

test('a list is known by the column that falls on every row, and is not the same on all', () => {
  expect(columnOf(list(found(1)), list(found(2)))).toBe(2)
  expect(columnOf(list(found(1)), list(found(2).reverse()))).toBeNull()
  // Alone, or always the same, as places are, it tells nothing; few entries are in order by chance.
  expect(columnOf(list(found(1)))).toBeNull()
  expect(columnOf(list(found(1)), list(found(1)))).toBeNull()
  expect(columnOf(list(found(1).slice(0, 7)), list(found(2).slice(0, 7)))).toBeNull()
  expect(columnOf()).toBeNull()
  const scores = (seed: number): TensorValue => ({
    dtype: 'float32',
    dims: [1, 12],
    data: Float32Array.from(found(seed).map(([, , score]) => score!)),
  })
  expect(columnOf(scores(1), scores(2))).toBe(0)
})

test('where entries change places, it is said why few decibels are left; not where they are close, or by labels', () => {
  const told = (labelled: boolean, change: (entries: number[][]) => number[][]) => {
    const sums = differences()
    for (const seed of [1, 2]) sums.add({ boxes: list(found(seed)) }, { boxes: list(change(found(seed))) })
    return orderDoubts({ labelled, outputs: sums.outputs() }).join()
  }
  const moved = ([first, second, ...rest]: number[][]) => [second!, first!, ...rest]
  expect(told(false, moved)).toMatch(/^Output boxes is a list that falls by its column 2, .* --metric detection:boxes/)
  expect(told(true, moved)).toBe('')
  // Of what falls by nothing, or has no decibels, the order is no reason.
  const output = { name: 'y', dims: [12, 3], sqnrDb: 3 }
  expect(orderDoubts({ labelled: false, outputs: [output] } as never)).toEqual([])
  expect(orderDoubts({ labelled: false, outputs: [{ ...output, orderedBy: 2, sqnrDb: null }] } as never)).toEqual([])
  expect(told(false, (entries) => entries.map((entry) => entry.map((v) => v * 1.001)))).toBe('')
})
