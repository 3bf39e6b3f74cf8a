import { randomSource } from './random.ts'

/**
 * Adjusted p-values, in the order given, that keep the family-wise error under any dependence.
 * Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).
 */
export function holm(pValues: readonly number[]): readonly number[] {
  const adjusted = new Array<number>(pValues.length)
  let running = 0
  for (const [rank, index] of ascending(pValues).entries()) {
    running = Math.max(running, (pValues.length - rank) * pValues[index]!)
    adjusted[index] = Math.min(1, running)
  }
  return adjusted
}

/**
 * Adjusted p-values, in the order given, that keep the family-wise error of independent or positively dependent tests: never larger than
 * Holm's. The closed test of Simes' inequality, in O(m²).
 * Source: G. Hommel, Biometrika 75 (1988); the algorithm of S. P. Wright, Biometrics 48 (1992).
 */
export function hommel(pValues: readonly number[]): readonly number[] {
  const m = pValues.length
  const order = ascending(pValues)
  const p = order.map((index) => pValues[index]!)
  const adjusted = p.slice()
  for (let size = m; size >= 2; size--) {
    // Simes' combined value of the `size` largest but the first of them; that one and the smaller ones are held to it.
    const first = m - size
    let least = Infinity
    for (let j = 2; j <= size; j++) least = Math.min(least, (size * p[first + j - 1]!) / j)
    for (let i = 0; i < m; i++) {
      const own = size * p[Math.min(i, first)]!
      adjusted[i] = Math.max(adjusted[i]!, Math.min(least, own))
    }
  }
  const result = new Array<number>(m)
  for (const [rank, index] of order.entries()) result[index] = Math.min(1, adjusted[rank]!)
  return result
}

/**
 * Adjusted p-values, in the order given, that keep the false discovery rate of independent or positively dependent tests.
 * Source: Y. Benjamini and Y. Hochberg, JRSS B 57 (1995).
 */
export function benjaminiHochberg(pValues: readonly number[]): readonly number[] {
  return stepUp(pValues, 1)
}

/**
 * Adjusted p-values, in the order given, that keep the false discovery rate under any dependence.
 * Source: Y. Benjamini and D. Yekutieli, Annals of Statistics 29 (2001).
 */
export function benjaminiYekutieli(pValues: readonly number[]): readonly number[] {
  return stepUp(
    pValues,
    pValues.reduce((sum, _, i) => sum + 1 / (i + 1), 0),
  )
}

/**
 * Adjusted one-sided p-values of "the mean difference is below zero" for several hypotheses that share rows (slices,
 * metrics), by flipping the sign of whole rows: single-step max-T, so dependence between hypotheses costs nothing.
 * `differences[row][hypothesis]`, NaN where the row is not in the hypothesis. Statistic: −Σd / √Σd², unchanged below
 * under flips. With R resamples a p-value has a standard error of at most 0.5 / √R.
 *
 * Source: P. H. Westfall and S. S. Young, Resampling-Based Multiple Testing (1993), with sign flips of paired rows.
 */
export function maxT(input: {
  readonly differences: readonly (readonly number[])[]
  readonly seed: number
  readonly resamples?: number
}): { readonly statistics: readonly number[]; readonly adjusted: readonly number[] } {
  const { differences, seed, resamples = 2000 } = input
  const hypotheses = differences[0]?.length ?? 0
  const rows = differences.filter((row) => row.some((value) => value !== 0 && !Number.isNaN(value)))
  const scale = Array.from({ length: hypotheses }, (_, j) => Math.sqrt(sumOver(rows, j, (value) => value * value)))
  const statistics = scale.map((s, j) => (s === 0 ? 0 : -sumOver(rows, j, (value) => value) / s))
  const random = randomSource(seed)
  const reached = new Array<number>(hypotheses).fill(0)
  for (let r = 0; r < resamples; r++) {
    const sums = new Float64Array(hypotheses)
    for (const row of rows) {
      const sign = random.uniform() < 0.5 ? -1 : 1
      for (let j = 0; j < hypotheses; j++) if (!Number.isNaN(row[j]!)) sums[j]! += sign * row[j]!
    }
    let largest = -Infinity
    for (let j = 0; j < hypotheses; j++) if (scale[j]! > 0) largest = Math.max(largest, sums[j]! / scale[j]!)
    // A flip that only reorders the same sum must count as reaching it.
    for (let j = 0; j < hypotheses; j++) if (largest >= statistics[j]! - 1e-12) reached[j]!++
  }
  const adjusted = reached.map((count, j) => (scale[j] === 0 ? 1 : (count + 1) / (resamples + 1)))
  return { statistics, adjusted }
}

function sumOver(rows: readonly (readonly number[])[], j: number, of: (value: number) => number): number {
  let sum = 0
  for (const row of rows) if (!Number.isNaN(row[j]!)) sum += of(row[j]!)
  return sum
}

function ascending(values: readonly number[]): number[] {
  return values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!)
}

function stepUp(pValues: readonly number[], factor: number): readonly number[] {
  const m = pValues.length
  const adjusted = new Array<number>(m)
  let running = 1
  const order = ascending(pValues)
  for (let rank = m; rank >= 1; rank--) {
    const index = order[rank - 1]!
    running = Math.min(running, (factor * m * pValues[index]!) / rank)
    adjusted[index] = running
  }
  return adjusted
}
