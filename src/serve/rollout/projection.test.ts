import { expect, test } from 'vitest'
import { bytesOfValue } from '../../engine/index.ts'
import { glanceAt } from './glance.ts'
import { projectionOf } from './projection.ts'

const image = (make: (i: number) => number) => Float64Array.from({ length: 256 }, (_, i) => make(i))

test('a projection keeps what is near, and what is not; small tensors have none', () => {
  const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((value, i) => value - b[i]!))
  const wave = projectionOf(image(Math.sin))!
  expect(wave).toHaveLength(8)
  expect(projectionOf(image(Math.sin))).toEqual(wave)
  const near = projectionOf(image((i) => Math.sin(i) + 0.01 * Math.cos(7 * i)))!
  const far = projectionOf(image((i) => Math.sin(3 * i + 1)))!
  expect(distance(wave, near)).toBeLessThan(distance(wave, far) / 10)
  expect(projectionOf(new Float64Array(63))).toBeNull()
  expect(projectionOf(image(() => Number.NaN))).toBeNull()
})

test('a projection is a sum with signs, half of them +, that no two of its numbers share', () => {
  const alone = Array.from({ length: 256 }, (_, place) => projectionOf(image((i) => (i === place ? 1 : 0)))!)
  // One of 256 numbers is divided by the root of their count.
  const signs = alone.map((one) => one.map((number) => 16 * number))
  for (const sign of signs.flat()) expect(Math.abs(sign)).toBe(1)
  for (let k = 0; k < 8; k++)
    for (let other = -1; other < k; other++) {
      // Against a column of ones, and against each other: five standard deviations of 256 coins.
      const sum = signs.reduce((total, row) => total + row[k]! * (other < 0 ? 1 : row[other]!), 0)
      expect(Math.abs(sum)).toBeLessThan(5 * 16)
    }
  const whole = projectionOf(image((i) => i / 8))!
  for (const [k, number] of whole.entries())
    expect(number).toBeCloseTo(
      alone.reduce((sum, one, i) => sum + (one[k]! * i) / 8, 0),
      2,
    )
})

test('its signs are those of every day: MurmurHash3 of the place, reckoned elsewhere', () => {
  const values = Float64Array.from({ length: 64 }, (_, i) => (i % 7) - 3 + (i % 3 === 0 ? 0.5 : 0))
  expect(projectionOf(values)).toEqual([-0.375, -0.375, 2.5, -3.25, -2, -3.375, -2.625, -3.25])
})

test('a request of several rows is seen by its first', () => {
  const seen = (rows: number) => {
    const data = Float32Array.from({ length: rows * 64 }, (_, i) => (i < 64 ? Math.sin(i) : 1000))
    const input = bytesOfValue('x', { dtype: 'float32', dims: [rows, 64], data })
    const output = bytesOfValue('e', { dtype: 'float32', dims: [rows, 64], data })
    return glanceAt({ inputs: [input], outputs: [output] } as unknown as Parameters<typeof glanceAt>[0])!.vectors
  }
  expect(seen(1)).toEqual(seen(3))
  expect(Object.keys(seen(1)!)).toEqual(['x projection', 'e projection'])
})
