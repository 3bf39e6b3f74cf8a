import { requireCounts } from './counts.ts'
import { binomialCdf, binomialPmf } from './distributions.ts'

/** Tests of whether two models are right equally often, from the rows that only one of them answers right. */
export interface McNemarResult {
  /** Two-sided exact conditional p-value. */
  readonly exact: number
  /** Two-sided mid-p value: the exact one without half of the observed point's probability on each side. */
  readonly midP: number
  /** Uncorrected χ², one degree of freedom; 0 without discordant rows. */
  readonly chi2: number
  /** χ² with the continuity correction, (|b − c| − 1)² / (b + c): more cautious than any of the others. */
  readonly chi2Corrected: number
  /** One-sided mid-p value of "the candidate is worse": small where `baseOnly` is large. */
  readonly midPWorse: number
}

/**
 * Tests whether two models of the same rows are equally often right, from the rows on which they differ.
 *
 * Source: Q. McNemar, Psychometrika 12 (1947); exact and mid-p forms as in Fagerland, Lydersen and Laake, BMC Medical
 * Research Methodology 13:91 (2013); correction by A. L. Edwards, Psychometrika 13 (1948).
 *
 * @throws RangeError for counts that are not whole numbers ≥ 0.
 */
export function mcnemar(input: { readonly baseOnly: number; readonly candidateOnly: number }): McNemarResult {
  const { baseOnly, candidateOnly } = input
  requireCounts({ baseOnly, candidateOnly })
  const n = baseOnly + candidateOnly
  if (n === 0) return { exact: 1, midP: 1, chi2: 0, chi2Corrected: 0, midPWorse: 1 }
  const fewer = Math.min(baseOnly, candidateOnly)
  const exact = Math.min(1, 2 * binomialCdf(fewer, n, 0.5))
  const point = binomialPmf(fewer, n, 0.5)
  return {
    exact,
    midP: baseOnly === candidateOnly ? 1 : Math.min(1, 2 * binomialCdf(fewer, n, 0.5) - point),
    chi2: (baseOnly - candidateOnly) ** 2 / n,
    chi2Corrected: Math.max(0, Math.abs(baseOnly - candidateOnly) - 1) ** 2 / n,
    midPWorse: binomialCdf(candidateOnly - 1, n, 0.5) + binomialPmf(candidateOnly, n, 0.5) / 2,
  }
}
