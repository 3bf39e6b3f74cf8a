import { studentSurvival } from './distributions.ts'
import { mean, squaredDeviations } from './mean.ts'
import { midRanks } from './mid-ranks.ts'
import { randomSource } from './random.ts'

/** Up to here every pattern of signs is tried (2²⁰); beyond, a seeded sample of them. */
const MOST_EXACT = 20
/** Sums that differ by rounding alone are the same sum. */
const ROUNDING = 1e-12

/**
 * Student's paired t test: whether the mean of differences is 0, two-sided. p is 1 where all differences are 0 and 0
 * where all are the same other number.
 *
 * Source: Student, The probable error of a mean, Biometrika 6 (1908).
 *
 * @throws RangeError for fewer than two differences, or one that is not finite.
 */
export function pairedT(differences: readonly number[]): { readonly t: number; readonly p: number } {
  requireFinite(differences)
  const n = differences.length
  if (n < 2) throw new RangeError('a t test needs two differences at least')
  const middle = mean(differences)
  if (middle === 0) return { t: 0, p: 1 }
  const t = middle / Math.sqrt(squaredDeviations(differences) / ((n - 1) * n))
  return { t, p: 2 * studentSurvival(Math.abs(t), n - 1) }
}

/**
 * Sign-flip test, two-sided: the share of all patterns of signs under which |Σd| is at least as large as it is. Exact
 * with up to 20 differences other than 0, else over `resamples` random patterns, the seen one counted. Asks only that
 * each difference is as likely with the other sign.
 *
 * Source: R. A. Fisher, The Design of Experiments (1935), section 21.
 *
 * @throws RangeError for a difference that is not finite.
 */
export function signFlip(
  differences: readonly number[],
  options: { readonly seed?: number; readonly resamples?: number } = {},
): { readonly p: number; readonly exact: boolean } {
  requireFinite(differences)
  const { seed = 0, resamples = 9999 } = options
  const sizes = differences.filter((value) => value !== 0).map(Math.abs)
  const seen = Math.abs(differences.reduce((sum, value) => sum + value, 0))
  const scale = sizes.reduce((sum, value) => sum + value, 0)
  const reaches = (sum: number) => Math.abs(sum) >= seen - ROUNDING * scale
  let reached = 0
  if (sizes.length <= MOST_EXACT) {
    const patterns = 2 ** sizes.length
    for (let pattern = 0; pattern < patterns; pattern++)
      if (reaches(sizes.reduce((sum, size, i) => (pattern & (1 << i) ? sum + size : sum - size), 0))) reached++
    return { p: reached / patterns, exact: true }
  }
  const random = randomSource(seed)
  for (let r = 0; r < resamples; r++)
    if (reaches(sizes.reduce((sum, size) => (random.uniform() < 0.5 ? sum + size : sum - size), 0))) reached++
  return { p: (reached + 1) / (resamples + 1), exact: false }
}

/**
 * Wilcoxon's signed-rank test, two-sided: `w` is the smaller of the rank sums of positive and negative differences,
 * differences of 0 left out, ties sharing their ranks. The p-value is exact, from all patterns of signs of these ranks.
 *
 * Source: F. Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1 (1945).
 *
 * @throws RangeError for a difference that is not finite.
 */
export function wilcoxon(differences: readonly number[]): { readonly w: number; readonly p: number } {
  requireFinite(differences)
  const kept = differences.filter((value) => value !== 0)
  // Twice the ranks, so that shared ones are whole.
  const doubled = Array.from(midRanks(kept.map(Math.abs)), (rank) => Math.round(2 * rank))
  const total = doubled.reduce((sum, rank) => sum + rank, 0)
  const positive = doubled.reduce((sum, rank, i) => (kept[i]! > 0 ? sum + rank : sum), 0)
  const least = Math.min(positive, total - positive)
  // Chance of every sum of positive ranks, one difference after the other; from above, so that none is counted twice.
  const chances = new Float64Array(total + 1)
  chances[0] = 1
  let greatest = 0
  for (const rank of doubled) {
    greatest += rank
    for (let sum = greatest; sum >= 0; sum--)
      chances[sum] = (chances[sum]! + (sum >= rank ? chances[sum - rank]! : 0)) / 2
  }
  let tail = 0
  for (let sum = 0; sum <= least; sum++) tail += chances[sum]!
  return { w: least / 2, p: Math.min(1, 2 * tail) }
}

function requireFinite(differences: readonly number[]): void {
  const row = differences.findIndex((value) => !Number.isFinite(value))
  if (row !== -1) throw new RangeError(`difference ${row} is ${differences[row]}: a finite number is needed`)
}
