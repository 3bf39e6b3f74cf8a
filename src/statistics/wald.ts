import { requireCounts, requireProbability } from './counts.ts'
import { normalQuantile } from './distributions.ts'
import type { PairedCounts } from './tango.ts'

/**
 * Wald's interval of δ = (candidateOnly − baseOnly) / n, two-sided 1−α, with the standard error
 * √(b + c − (b − c)²/n) / n. It is what most tools print, and it is too narrow where few rows are discordant (0 ± 0
 * without any): decide by {@link tango}.
 *
 * Source: A. Agresti, Categorical Data Analysis, 2nd edition (2002), equation 10.2.
 *
 * @throws RangeError for counts that are not whole or exceed n, for α outside (0, 1).
 */
export function wald(input: PairedCounts & { readonly alpha?: number }): {
  readonly difference: number
  readonly standardError: number
  readonly ci: readonly [number, number]
} {
  const { baseOnly: b, candidateOnly: c, n, alpha = 0.05 } = input
  requireCounts({ baseOnly: b, candidateOnly: c, n })
  requireProbability('alpha', alpha)
  if (b + c > n) throw new RangeError(`baseOnly + candidateOnly exceeds n = ${n}`)
  if (n === 0) return { difference: Number.NaN, standardError: Number.NaN, ci: [-1, 1] }
  const difference = (c - b) / n
  const standardError = Math.sqrt(b + c - (b - c) ** 2 / n) / n
  const half = normalQuantile(1 - alpha / 2) * standardError
  return { difference, standardError, ci: [difference - half, difference + half] }
}
