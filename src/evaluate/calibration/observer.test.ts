import { expect, test } from 'vitest'
import { RangeObserver } from './observer.ts'

/** Rows of 50 numbers between −size and 2·size, the ends among them. */
const row = (size: number) => Float32Array.from({ length: 50 }, (_, i) => size * ((3 * i) / 49 - 1))

/** Forty rows, two of which are a hundred times as large, `batch` in a run. */
function seen(batch: number): RangeObserver {
  const observer = new RangeObserver(true)
  const sizes = Array.from({ length: 40 }, (_, i) => (i === 7 || i === 30 ? 100 : 1 - i / 1000))
  for (let i = 0; i < sizes.length; i += batch)
    observer.observe(Float32Array.from(sizes.slice(i, i + batch).flatMap((size) => [...row(size)])), batch)
  return observer
}

test('ranges of most rows are those of the rows without the furthest twentieth, however many are in a run', () => {
  for (const batch of [1, 8]) {
    const observer = seen(batch)
    expect(observer.range('minmax', {})).toEqual({ min: -100, max: 200 })
    expect(observer.range('most-rows', {})).toEqual({ min: -1, max: 2 })
  }
})

test('of a few rows none is left out', () => {
  const observer = new RangeObserver(true)
  for (const size of [1, 2, 50]) observer.observe(row(size), 1)
  expect(observer.range('most-rows', {})).toEqual(observer.range('minmax', {}))
})

test('extremes that are known already are not those of each row', () => {
  const observer = new RangeObserver(true, { min: -100, max: 200 })
  for (let i = 0; i < 40; i++) observer.observe(row(i === 3 ? 100 : 1), 1)
  expect(observer.range('most-rows', {})).toEqual({ min: -1, max: 2 })
})

test('few rows that differ are taken to be followed by ones that reach further', () => {
  const sizes = [1, 1.5, 2, 3]
  const observer = new RangeObserver(true)
  for (const size of sizes) observer.observe(row(size), 1)
  // Logs of the upper ends 2, 3, 4, 6: mean 1.242, deviation 0.466; exp(mean + 2 deviations) is 8.8, the furthest is 6.
  const { min, max } = observer.range('percentile', { percentile: 1 })
  expect(max).toBeCloseTo(8.8, 1)
  expect(min).toBeCloseTo(-4.4, 1)
  expect(observer.range('minmax', {})).toEqual({ min: -3, max: 6 })
})

test('rows that agree, many rows, and fewer than four leave the range as it was seen', () => {
  const ends = (sizes: readonly number[]) => {
    const observer = new RangeObserver(true)
    for (const size of sizes) observer.observe(row(size), 1)
    return [observer.range('percentile', { percentile: 1 }), observer.range('minmax', {})]
  }
  const many = Array.from({ length: 60 }, (_, i) => 1 + ((i * 7) % 60) / 20)
  for (const sizes of [[2, 2, 2, 2, 2], many, [1, 2, 4]]) {
    const [clipped, seen] = ends(sizes)
    expect(clipped).toEqual(seen)
  }
})
