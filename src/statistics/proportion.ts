import { requireCounts, requireProbability } from './counts.ts'
import { betaQuantile, normalQuantile } from './distributions.ts'

/** So many of `n`, and the level of what is said of their share. */
export interface Proportion {
  readonly successes: number
  readonly n: number
  /** 0.05 by default. */
  readonly alpha?: number
}

/**
 * Score interval of a proportion, two-sided 1−α; [0, 1] without rows.
 * Source: E. B. Wilson, JASA 22 (1927).
 *
 * @throws RangeError for counts that are not whole, more successes than trials, or an α outside (0, 1).
 */
export function wilson({ successes, n, alpha = 0.05 }: Proportion): readonly [number, number] {
  requireProportion(successes, n, alpha)
  if (n === 0) return [0, 1]
  const z = normalQuantile(1 - alpha / 2)
  const p = successes / n
  const middle = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n)
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n * n))
  return [successes === 0 ? 0 : middle - half, successes === n ? 1 : middle + half]
}

/**
 * Exact interval of a proportion, two-sided 1−α; [0, 1] without rows. For a one-sided bound at α pass 2α.
 * Source: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934), through the beta quantile.
 *
 * @throws RangeError for counts that are not whole, more successes than trials, or an α outside (0, 1).
 */
export function clopperPearson({ successes, n, alpha = 0.05 }: Proportion): readonly [number, number] {
  requireProportion(successes, n, alpha)
  if (n === 0) return [0, 1]
  return [
    successes === 0 ? 0 : betaQuantile(alpha / 2, successes, n - successes + 1),
    successes === n ? 1 : betaQuantile(1 - alpha / 2, successes + 1, n - successes),
  ]
}

/**
 * Exact one-sided 1−α upper bound of a proportion (Clopper–Pearson); 1 without rows.
 *
 * @throws RangeError for counts that are not whole, more successes than trials, or an α outside (0, 1).
 */
export function upperProportion({ successes, n, alpha = 0.05 }: Proportion): number {
  requireProportion(successes, n, alpha)
  return successes === n ? 1 : betaQuantile(1 - alpha, successes + 1, n - successes)
}

/**
 * Rows among which what happens on `share` of all would show with probability 1 − α: the least n with (1 − share)ⁿ ≤ α.
 * With as many rows and none of it, `upperProportion` is at most the share.
 *
 * @throws RangeError for a share or an α outside (0, 1).
 */
export function rowsToShow(share: number, alpha: number): number {
  requireProbability('share', share)
  requireProbability('alpha', alpha)
  return Math.ceil(Math.log(alpha) / Math.log1p(-share))
}

/**
 * Square-and-add interval of δ = candidate − baseline for paired proportions, two-sided 1−α: Wilson limits of the two
 * margins, joined through the correlation with its continuity correction (Newcombe's method 10); [−1, 1] without rows.
 * Source: R. G. Newcombe, Improved confidence intervals for the difference between binomial proportions based on paired
 * data, Statistics in Medicine 17 (1998).
 *
 * @throws RangeError for counts that are not whole or exceed n, or an α outside (0, 1).
 */
export function newcombe(input: {
  readonly bothRight: number
  readonly baseOnly: number
  readonly candidateOnly: number
  readonly n: number
  readonly alpha?: number
}): { readonly difference: number; readonly ci: readonly [number, number] } {
  const { bothRight: a, baseOnly: b, candidateOnly: c, n, alpha = 0.05 } = input
  const d = n - a - b - c
  requireCounts({ bothRight: a, baseOnly: b, candidateOnly: c, neither: d, n })
  if (n === 0) return { difference: 0, ci: [-1, 1] }
  const candidate = (a + c) / n
  const base = (a + b) / n
  const [lowC, highC] = wilson({ successes: a + c, n, alpha })
  const [lowB, highB] = wilson({ successes: a + b, n, alpha })
  const phi = correlation(a, b, c, d)
  const join = (x: number, y: number) => Math.sqrt(Math.max(0, x * x - 2 * phi * x * y + y * y))
  const difference = candidate - base
  return {
    difference,
    ci: [difference - join(candidate - lowC, highB - base), difference + join(highC - candidate, base - lowB)],
  }
}

function correlation(a: number, b: number, c: number, d: number): number {
  const margins = (a + b) * (c + d) * (a + c) * (b + d)
  if (margins === 0) return 0
  const cross = a * d - b * c
  const corrected = cross > 0 ? Math.max(cross - (a + b + c + d) / 2, 0) : cross
  return corrected / Math.sqrt(margins)
}

function requireProportion(successes: number, n: number, alpha: number): void {
  requireCounts({ successes, n })
  requireProbability('alpha', alpha)
  if (successes > n) throw new RangeError(`${successes} successes in ${n} trials`)
}
