import { expect, test } from 'vitest'
import { noiseLeft } from './noise-left.ts'

/** Two channels, of −8 … 8 and of −1 … 1. */
const seen = { min: [-8, -1], max: [8, 1], mean: [0, 0] }
const left = (scales: readonly number[], product: { values: Float32Array; columns: number }[], of = seen) =>
  noiseLeft(of, product)(Float32Array.from(scales))
const one = [{ values: Float32Array.of(1, 1), columns: 1 }]

test('by hand: the step of x over the weights, and the steps of the weights over x', () => {
  // Powers are (16/6)² and (2/6)². Before: 16² · (1 + 1) + 4 · 1² · (64/9 + 1/9).
  const before = 512 + (4 * 65) / 9
  // Divided by 8, the first has the range of the other; its weight is 8, and so are both steps of the column.
  expect(left([8, 1], one)).toBeCloseTo((4 * (64 + 1) + (4 * 64 * 2) / 9) / before, 6)
  expect(left([1, 1], one)).toBe(1)
  // Left out of the codes, it adds nothing.
  expect(left([Number.POSITIVE_INFINITY, 1], one)).toBeCloseTo((4 + 4 / 9) / before, 6)
})

test('a mean is power as well, columns have steps of their own, and products add up', () => {
  const of = { min: [0, 2], max: [6, 2], mean: [3, 2] }
  // Powers 9 + 1 and 4; columns (1, 0) and (−2, 3), then another product of (0, 2).
  const products = [
    { values: Float32Array.of(1, -2, 0, 3), columns: 2 },
    { values: Float32Array.of(0, 2), columns: 1 },
  ]
  const before = 36 * (1 + 4 + 9 + 4) + 4 * (1 + 9 + 4) * 14
  const scaled = 9 * (4 * 5 + 13) + 4 * (4 + 16 + 4) * (10 / 4 + 4)
  expect(left([2, 1], products, of)).toBeCloseTo(scaled / before, 6)
  // A range ends at 0 at the latest, also where all is below it.
  const below = { min: [-6, -2], max: [-1, -2], mean: [-3, -2] }
  const beforeBelow = 36 * 2 + 4 * (9 + (5 / 6) ** 2 + 4)
  expect(left([3, 1], one, below)).toBeCloseTo((4 * (9 + 1) + 4 * 9 * ((9 + (5 / 6) ** 2) / 9 + 4)) / beforeBelow, 6)
})

test('where there is no noise, none is left out', () => {
  expect(left([2, 2], [{ values: Float32Array.of(0, 0), columns: 1 }])).toBe(1)
})
