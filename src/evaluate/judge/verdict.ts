import type { Verdict } from '../../report/index.ts'
import { normalQuantile, requiredN } from '../../statistics/index.ts'

/** What is known of δ = candidate − baseline, higher being better. Bounds are one-sided 1−α. */
interface Bounds {
  readonly delta: number
  readonly lowerBound: number
  readonly upperBound: number
  /** One-sided test of "the candidate is worse" below α. */
  readonly significantlyWorse: boolean
  readonly margin: number
}

/** Whether the point estimate is a loss of the margin: one of exactly −m must not be lost to rounding of (c − b) / n. */
export const losesMargin = ({ delta, margin }: Pick<Bounds, 'delta' | 'margin'>): boolean => delta <= -margin + 1e-12

/** The verdict table of the product, for every metric alike. */
export function verdictOf(bounds: Bounds): Verdict {
  const { lowerBound, upperBound, significantlyWorse, margin } = bounds
  if (lowerBound > -margin) return 'pass'
  if (upperBound < -margin || (significantlyWorse && losesMargin(bounds))) return 'regressed'
  return 'inconclusive'
}

/**
 * Rows that would settle an inconclusive comparison with 80 % power. The plan is for two equally good models with the
 * discordance (or variance) seen here. Where that many rows were already judged, the difference seen is what stands in
 * the way, and the number is for telling it from the margin: n = (z₁₋α + z₀.₈)² σ² / (δ + m)². So it is of numbers
 * where that is fewer and these rows show that the models differ, |δ| > z₁₋α σ / √n: of a loss of hundreds of margins
 * nobody asks whether it is none. A difference nearer to the margin than a tenth of it is planned as a tenth: no number
 * of rows settles a tie. Of rare changes that asks for too few, because σ² is that of the rates seen and the test's that
 * at the margin: never fewer than the test itself passes with where these rates go on, n · (z₁₋α / z)², as its score
 * grows with √n.
 */
export function rowsToSettle(input: {
  readonly n: number
  /** Variance of a row's difference; for right-or-wrong scores the share of discordant rows is used as it is. */
  readonly variance: number
  readonly discordance: number | null
  readonly delta: number
  readonly margin: number
  readonly alpha: number
  /** Fewest rows that could settle anything. */
  readonly least: number
  /** Score of non-inferiority of these rows, where a test of counts gives one. */
  readonly z?: number
}): number {
  const { n, variance, discordance, delta, margin, alpha, least, z: score = 0 } = input
  const z = normalQuantile(1 - alpha) + normalQuantile(0.8)
  const planned =
    discordance === null ? Math.ceil((z * z * variance) / margin ** 2) : requiredN({ discordance, margin, alpha })
  const enough = Math.max(planned, least)
  const distance = Math.max(Math.abs(delta + margin), margin / 10)
  const passing =
    score > 0 && delta + margin >= distance ? Math.floor(n * (normalQuantile(1 - alpha) / score) ** 2) + 1 : 0
  const foreseen = Math.max(n + 1, passing, Math.ceil((z * z * variance) / distance ** 2))
  if (enough <= n) return foreseen
  const differs = discordance === null && Math.abs(delta) > normalQuantile(1 - alpha) * Math.sqrt(variance / n)
  return differs ? Math.min(enough, Math.max(least, foreseen)) : enough
}
