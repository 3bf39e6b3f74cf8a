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
  expect(kolmogorovSmirnov([3, 4], [1, 2]).statistic).toBe(1)
  // Of eight against eight m is 4, so that λ = 2.175 D; by Jacobi's identity the series is 1 − √2π/λ · Σ exp(−(2k−1)²π²/8λ²).
  for (const eighths of [1, 2, 3, 4]) {
    const rows = Array.from({ length: 8 }, (_, i) => i)
    const { statistic, p } = kolmogorovSmirnov(
      rows,
      rows.map((value) => value + eighths),
    )
    expect(statistic).toBe(eighths / 8)
    const lambda = (2.175 * eighths) / 8
    const jacobi = [1, 3, 5].reduce((sum, odd) => sum + Math.exp(-((odd * Math.PI) ** 2) / (8 * lambda ** 2)), 0)
    expect(1 - p).toBeCloseTo((Math.sqrt(2 * Math.PI) / lambda) * jacobi, 12)
  }
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

test('what cannot be compared is refused', () => {
  for (const of of [kolmogorovSmirnov, wasserstein]) {
    for (const [a, b] of [
      [[], [1]],
      [[1], []],
    ] as const)
      expect(() => of(a, b)).toThrow(/both samples need values/)
    expect(() => of([1, Number.NaN, 3], [1])).toThrow(/no number/)
  }
  for (const far of [-Infinity, Infinity]) expect(() => wasserstein([0, far], [1])).toThrow(/finite/)
  const counts = (a: readonly number[], b: readonly number[]) => () => chiSquareHomogeneity(a, b)
  for (const refused of [counts([0, 0], [1, 2]), counts([1, 2], [0, 0]), counts([3, -1], [1, 2])])
    expect(refused).toThrow(/negative, nor all 0/)
  for (const alpha of [0, 1]) expect(() => levelOfLook(alpha, 1)).toThrow(/alpha/)
})

test('Wasserstein: as many divisions reach the distance as counting says, ties among them', () => {
  // Of the twenty divisions of 0, 0, 0, 1, 1, 1 two part them wholly, and none is nearer than 1/3.
  const p = (a: number[], b: number[]) => wasserstein(a, b, { shuffles: 1999, seed: 1 }).p
  expect(Math.abs(p([0, 0, 0], [1, 1, 1]) - 0.1)).toBeLessThan(4 * Math.sqrt((0.1 * 0.9) / 2000))
  expect(p([0, 0, 1], [0, 1, 1])).toBe(1)
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
  // All of ten, and none of sixty, among the 50: one product each.
  const product = (n: number, of: (i: number) => number) =>
    Array.from({ length: n }, (_, i) => of(i)).reduce((whole, part) => whole * part, 1)
  const all = chiSquareHomogeneity([1000, 0], [40, 10]).p
  expect(all / (2 * product(10, (i) => (50 - i) / (1050 - i)))).toBeCloseTo(1, 6)
  const missing = chiSquareHomogeneity([940, 60], [50, 0]).p
  expect(missing).toBeCloseTo(2 * product(60, (i) => (1000 - i) / (1050 - i)), 9)
  // The others agree: of two tests the smaller p counts twice.
  expect(chiSquareHomogeneity([499, 499, 2], [24.5, 24.5, 1]).p).toBeCloseTo(2 * rare(1), 9)
  // Five expected are not fewer than five: (3² / 5) · 4 = 7.2, and of two degrees p is exp(−x / 2).
  expect(chiSquareHomogeneity([50, 8, 2], [50, 2, 8])).toEqual({
    statistic: expect.closeTo(7.2, 9),
    p: expect.closeTo(Math.exp(-3.6), 9),
  })
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
