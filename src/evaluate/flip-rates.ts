import type { ErrorRatio, FlipRates } from '../report/index.ts'
import { normalQuantile, upperProportion } from '../statistics/index.ts'

/** Counts of rows by who answers right. */
interface RightCounts {
  readonly n: number
  readonly baseRight: number
  readonly baseOnly: number
  readonly candidateOnly: number
}

/**
 * Answers lost (negative flips) and gained apart, with Clopper–Pearson bounds. Compression often changes many answers
 * and the mean little.
 *
 * Source: negative flip rate as in S. Yan et al., Positive-congruent training, arXiv 2011.09161 (2020).
 */
export function flipRates({ n, baseOnly, candidateOnly }: RightCounts, alpha: number): FlipRates {
  const of = (count: number) => ({
    count,
    rate: count / n,
    upperBound: upperProportion({ successes: count, n, alpha }),
  })
  return { negative: of(baseOnly), positive: of(candidateOnly) }
}

/**
 * How many times as many errors the candidate makes: 99.5 → 98.5 % right is one point, and three times the errors. The
 * interval is that of the logarithm of the ratio of two paired proportions, with variance (b + c) / (errors of the base ·
 * errors of the candidate), two-sided 1−α. One more discordant row than was seen is counted, and half an error where the
 * candidate made none, so that a handful of rows on which nothing happened is not taken for certainty.
 *
 * Source: A. Agresti and Y. Min, Effects and non-effects of paired identical observations in comparing proportions with
 * binary matched-pairs data, Statistics in Medicine 23 (2004).
 */
export function errorRatio({ n, baseRight, baseOnly, candidateOnly }: RightCounts, alpha: number): ErrorRatio {
  const wrongBase = n - baseRight
  const wrongCandidate = wrongBase + baseOnly - candidateOnly
  const shares = { base: wrongBase / n, candidate: wrongCandidate / n }
  if (wrongBase === 0) return { ...shares, ratio: null, ci: null }
  const counted = Math.max(0.5, wrongCandidate)
  const discordant = baseOnly + candidateOnly + 1
  const half = normalQuantile(1 - alpha / 2) * Math.sqrt(discordant / (wrongBase * counted))
  const low = wrongCandidate === 0 ? 0 : (wrongCandidate / wrongBase) * Math.exp(-half)
  return { ...shares, ratio: wrongCandidate / wrongBase, ci: [low, (counted / wrongBase) * Math.exp(half)] }
}
