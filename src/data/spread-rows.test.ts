import { expect, test } from 'vitest'
import { spreadRows } from './index.ts'

/** How many of these rows lie in each tenth of `rows`. */
const tenths = (picked: readonly number[], rows: number) =>
  picked.reduce(
    (counts, row) => counts.with(Math.floor((10 * row) / rows), counts[Math.floor((10 * row) / rows)]! + 1),
    [...Array<number>(10).fill(0)],
  )

test('of a sorted set every part has its share, and of kinds that take turns every one', () => {
  for (const [rows, most] of [
    [640, 64],
    [10_000, 128],
    [4000, 512],
    [101, 50],
  ] as const) {
    const picked = spreadRows({ rows }, undefined, most)
    expect(new Set(picked).size).toBe(most)
    expect(picked).toEqual([...picked].sort((a, b) => a - b))
    for (const count of tenths(picked, rows)) expect(Math.abs(count - most / 10)).toBeLessThanOrEqual(2)
    for (const period of [2, 4, 8, 20]) expect(new Set(picked.map((row) => row % period)).size).toBe(period)
  }
})

test('fewer rows are among more, of those that are named alone, and all where there are no more', () => {
  const odd = Array.from({ length: 500 }, (_, i) => 2 * i + 1)
  const [few, some] = [spreadRows({ rows: 1000 }, odd, 64), spreadRows({ rows: 1000 }, odd, 256)]
  expect(few.every((row) => some.includes(row) && row % 2 === 1)).toBe(true)
  expect(spreadRows({ rows: 3 }, undefined, 64)).toEqual([0, 1, 2])
  expect(spreadRows({ rows: 1000 }, odd, 500)).toEqual(odd)
  expect(spreadRows({ rows: 3 }, undefined, 0)).toEqual([])
})
