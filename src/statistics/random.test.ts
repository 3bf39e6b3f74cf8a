import { expect, test } from 'vitest'
import { randomSource, standardNormal } from './random.ts'

const SEEDS = 2000
const firsts = (draw: number, from: (seed: number) => () => number) =>
  Array.from({ length: SEEDS }, (_, seed) => {
    const next = from(seed)
    for (let i = 0; i < draw; i++) next()
    return next()
  })
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

test('a stream is even from its first draw, whatever its seed, and unlike those of neighbouring seeds', () => {
  for (let draw = 0; draw < 6; draw++) {
    const values = firsts(draw, (seed) => randomSource(seed).uniform)
    // Five standard errors of the mean, and of a correlation.
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(5 / Math.sqrt(12 * SEEDS))
    for (const apart of [1, 2, 4]) {
      const products = values.slice(apart).map((value, i) => 12 * (value - 0.5) * (values[i]! - 0.5))
      expect(Math.abs(mean(products))).toBeLessThan(5 / Math.sqrt(SEEDS))
    }
  }
})

test('the first normal number is no outlier', () => {
  const values = firsts(0, (seed) => {
    const random = randomSource(seed)
    return () => standardNormal(random)
  })
  expect(Math.max(...values.map(Math.abs))).toBeLessThan(5)
  expect(Math.abs(mean(values))).toBeLessThan(5 / Math.sqrt(SEEDS))
  expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 0)
})

test('the same seed gives the same draws, others give others', () => {
  const three = (seed: number) => {
    const random = randomSource(seed)
    return [random.uniform(), random.below(1000), random.uniform()]
  }
  expect(three(7)).toEqual(three(7))
  expect(three(0)).not.toEqual(three(1))
})
