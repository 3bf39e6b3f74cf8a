import { expect, test } from 'vitest'
import { chiSquareHomogeneity, kolmogorovSmirnov, levelOfLook, randomSource, wasserstein } from './index.ts'

const draws = (seed: number, count: number, shift = 0) => {
  const random = randomSource(seed)
  return Array.from({ length: count }, () => random.uniform() + shift)
}

test('Kolmogorov–Smirnov: distances by hand, ties, and exact p-values', () => {
  expect(kolmogorovSmirnov([1, 2, 3, 4], [1, 2, 3, 4])).toEqual({ statistic: 0, p: 1 })
  expect(kolmogorovSmirnov([1, 1, 2], [1, 2, 2]).statistic).toBeCloseTo(1 / 3, 12)
  expect(kolmogorovSmirnov([1, 2], [3, 4]).statistic).toBe(1)
  // Exact p-values and distances by scipy 1.17.
  const a = Array.from({ length: 80 }, (_, i) => ((i * 37) % 101) / 101)
  for (const [shift, distance, exact, moved] of [
    [0, 0.0375, 1, 0.010356176067],
    [0.1, 0.1375, 0.4991251945, 0.105452033967],
    [0.2, 0.2333333333, 0.0413417119, 0.205452033967],
    [0.3, 0.3291666667, 0.0008948947, 0.305452033967],
  ] as const) {
    const b = Array.from({ length: 60 }, (_, i) => ((i * 53) % 89) / 89 + shift)
    const { statistic, p } = kolmogorovSmirnov(a, b)
    expect(statistic).toBeCloseTo(distance, 9)
    expect(Math.abs(p / exact - 1)).toBeLessThan(0.15)
    expect(wasserstein(a, b).statistic).toBeCloseTo(moved, 9)
  }
})

test('Wasserstein: a shift is its own distance; the null grows with small samples', () => {
  const sample = draws(1, 300)
  const shifted = wasserstein(
    sample,
    sample.map((value) => value + 0.25),
  )
  expect(shifted.statistic).toBeCloseTo(0.25, 9)
  expect(shifted.p).toBe(1 / 200)
  expect(wasserstein([0, 0, 1], [0, 1, 1]).statistic).toBeCloseTo(1 / 3, 12)
  expect(wasserstein([5], [5])).toEqual({ statistic: 0, p: 1 })
})

test('χ² of a table known from textbooks, rare categories together', () => {
  // 2 × 2: n(ad − bc)² / ((a+b)(c+d)(a+c)(b+d))
  const { statistic, p } = chiSquareHomogeneity([30, 10], [20, 20])
  expect(statistic).toBeCloseTo((80 * (30 * 20 - 10 * 20) ** 2) / (40 * 40 * 50 * 30), 9)
  expect(p).toBeCloseTo(0.0209, 4)
  const four = chiSquareHomogeneity([30, 10, 7, 22], [20, 20, 9, 31])
  expect(four.statistic).toBeCloseTo(6.334076699366511, 9)
  expect(four.p).toBeCloseTo(0.09644087422780548, 9)
  expect(chiSquareHomogeneity([50, 1, 1, 1], [50, 1, 1, 1]).p).toBe(1)
  // By hand: one of three is among the last 50 of 1,050 with 1 − (1000·999·998)/(1050·1049·1048) and two with far less.
  const rare = (seen: number) => chiSquareHomogeneity([1000 - 3 + seen, 3 - seen], [50 - seen, seen]).p
  const none = (1000 * 999 * 998) / (1050 * 1049 * 1048)
  const one = (3 * 50 * 1000 * 999) / (1050 * 1049 * 1048)
  expect([rare(1), rare(2)].map((p, i) => p - 2 * (1 - none - i * one))).toEqual([
    expect.closeTo(0, 9),
    expect.closeTo(0, 9),
  ])
  expect(chiSquareHomogeneity([100], [7]).p).toBe(1)
  expect(() => chiSquareHomogeneity([1], [1, 2])).toThrow(RangeError)
})

test('rare categories in a small sample raise no more alarms than the level says', () => {
  let alarms = 0
  const random = randomSource(3)
  const counts = (n: number) => {
    const seen = [0, 0, 0]
    for (let i = 0; i < n; i++) seen[random.uniform() < 0.003 ? 2 : random.uniform() < 0.4 ? 1 : 0]!++
    return seen
  }
  for (let run = 0; run < 4000; run++) if (chiSquareHomogeneity(counts(1000), counts(50)).p < 1e-3) alarms++
  // Four expected at the level; χ² alone gives more than forty.
  expect(alarms).toBeLessThan(12)
})

test('nothing has changed: p-values below 0.05 come as often as they say', () => {
  const runs = Array.from({ length: 200 }, (_, i) => [draws(2 * i + 1, 80), draws(2 * i + 2, 50)] as const)
  // Each with shuffles of its own: of the same few a share is rare by chance for all runs alike.
  const shuffled = (a: number[], b: number[], seed: number) => wasserstein(a, b, { shuffles: 99, seed })
  for (const test of [kolmogorovSmirnov, shuffled]) {
    const alarms = runs.filter(([a, b], seed) => test(a, b, seed).p <= 0.05).length
    // Binomial(200, 0.05): more than 20 has a probability of 0.001.
    expect(alarms).toBeLessThanOrEqual(20)
  }
  const moved = runs.filter(
    ([a, b]) =>
      kolmogorovSmirnov(
        a,
        b.map((value) => value + 0.4),
      ).p <= 0.05,
  ).length
  expect(moved).toBeGreaterThan(190)
})

test('the levels of all looks sum to α', () => {
  let sum = 0
  for (let look = 1; look <= 100_000; look++) sum += levelOfLook(0.01, look)
  expect(sum).toBeLessThanOrEqual(0.01)
  expect(sum).toBeGreaterThan(0.00999)
})
