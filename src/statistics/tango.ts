import { requireCounts, requireProbability } from './counts.ts'
import { normalQuantile, normalSurvival } from './distributions.ts'

/** How often two models answered the same rows right. */
export interface PairedCounts {
  /** Rows that only the baseline answers right. */
  readonly baseOnly: number
  /** Rows that only the candidate answers right. */
  readonly candidateOnly: number
  /** All rows, concordant ones included. */
  readonly n: number
}

export interface TangoResult {
  /** Score statistic of non-inferiority at the margin; large is good. */
  readonly z: number
  /** One-sided p-value of non-inferiority: small proves δ > −margin. */
  readonly p: number
  /** Interval of δ = candidate − baseline, two-sided 1−α. */
  readonly ci: readonly [number, number]
  /** One-sided 1−α lower bound of δ. */
  readonly lowerBound: number
  /** One-sided 1−α upper bound of δ. */
  readonly upperBound: number
}

/**
 * Score test of non-inferiority and score interval for the difference of two paired proportions,
 * δ = (candidateOnly − baseOnly) / n. Non-inferior at `alpha` where `lowerBound > −margin`, which is `p < alpha`.
 * Without rows nothing is known: the interval is [−1, 1] and p is 1. Rows that move together count as fewer: all counts
 * are divided by their design effect.
 *
 * Source: T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample
 * design, Statistics in Medicine 17 (1998); test of non-inferiority as in Liu et al., Statistics in Medicine 21 (2002);
 * counts over a design effect, J. N. K. Rao and A. J. Scott, Biometrics 48 (1992).
 *
 * @throws RangeError for counts that are not whole or exceed n, for a margin outside [0, 1), for α outside (0, 1), for a
 * design effect below 1.
 */
export function tango(
  input: PairedCounts & { readonly margin: number; readonly alpha: number; readonly designEffect?: number },
): TangoResult {
  const { baseOnly, candidateOnly, n, margin, alpha, designEffect = 1 } = input
  requireCounts({ baseOnly, candidateOnly, n })
  if (!(designEffect >= 1)) throw new RangeError(`a design effect is 1 at least, got ${designEffect}`)
  requireProbability('alpha', alpha)
  if (baseOnly + candidateOnly > n) throw new RangeError(`baseOnly + candidateOnly exceeds n = ${n}`)
  if (!(margin >= 0 && margin < 1)) throw new RangeError(`margin must lie in [0, 1), got ${margin}`)
  if (n === 0) return { z: 0, p: 1, ci: [-1, 1], lowerBound: -1, upperBound: 1 }
  const counts = {
    baseOnly: baseOnly / designEffect,
    candidateOnly: candidateOnly / designEffect,
    n: n / designEffect,
  }
  const z = tangoScore(counts, -margin)
  const twoSided = normalQuantile(1 - alpha / 2)
  const oneSided = normalQuantile(1 - alpha)
  return {
    z,
    p: normalSurvival(z),
    ci: [whereScoreIs(counts, twoSided), whereScoreIs(counts, -twoSided)],
    lowerBound: whereScoreIs(counts, oneSided),
    upperBound: whereScoreIs(counts, -oneSided),
  }
}

/** The score statistic of H0: δ = `delta`, falling in `delta`. */
export function tangoScore({ baseOnly: b, candidateOnly: c, n }: PairedCounts, delta: number): number {
  const distance = c - b - n * delta
  if (distance === 0) return 0
  const p10 = constrainedBaseOnly({ baseOnly: b, candidateOnly: c, n }, delta)
  const variance = n * Math.max(0, 2 * p10 + delta * (1 - delta))
  return distance / Math.sqrt(variance)
}

/**
 * The maximum-likelihood estimate of P(only the baseline is right) under δ = `delta`: the larger root of Tango's
 * quadratic (1998, equation 4). The variance of the score is taken there.
 */
export function constrainedBaseOnly({ baseOnly: b, candidateOnly: c, n }: PairedCounts, delta: number): number {
  const quadratic = 2 * n
  const linear = (2 * n + b - c) * delta - (b + c)
  const constant = -b * delta * (1 - delta)
  const root = Math.sqrt(Math.max(0, linear * linear - 4 * quadratic * constant))
  // Of the two forms of the root, the one that does not subtract nearly equal numbers.
  return linear <= 0 ? (root - linear) / (2 * quadratic) : (-2 * constant) / (linear + root)
}

/** The δ in [−1, 1] whose score is `z`, by bisection until doubles run out; the end of the range where there is none. */
function whereScoreIs(counts: PairedCounts, z: number): number {
  let low = -1
  let high = 1
  for (;;) {
    const middle = (low + high) / 2
    if (middle <= low || middle >= high || high - low < 1e-17) return middle
    if (tangoScore(counts, middle) > z) low = middle
    else high = middle
  }
}
