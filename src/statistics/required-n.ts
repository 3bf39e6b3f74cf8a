import { requireProbability } from './counts.ts'
import { normalQuantile } from './distributions.ts'

/**
 * Rows that a paired non-inferiority test at `margin` needs, where the models truly are equally good and differ on a
 * share `discordance` of the rows: n = (z₁₋α + z_power)² · discordance / margin², rounded up. Power is 0.8 by default.
 *
 * Never fewer than the rows with which Tango's test passes when no answer changes at all, n > z₁₋α² · (1 − m) / m: with
 * 1 point at α = 0.05 that is 268. A margin of 1 or more takes one row: no share can lose more.
 *
 * Source: normal approximation of the paired test (Liu et al. 2002); the second from Tango's score at b = c = 0.
 *
 * @throws RangeError for a discordance outside [0, 1], a margin that is not above 0, or an α or power outside (0, 1).
 */
export function requiredN(input: {
  readonly discordance: number
  readonly margin: number
  readonly alpha: number
  readonly power?: number
}): number {
  const { discordance, margin, alpha, power = 0.8 } = input
  if (!(discordance >= 0 && discordance <= 1))
    throw new RangeError(`discordance must lie in [0, 1], got ${discordance}`)
  if (!(margin > 0)) throw new RangeError(`margin must be above 0, got ${margin}`)
  requireProbability('alpha', alpha)
  requireProbability('power', power)
  if (margin >= 1) return 1
  const z = normalQuantile(1 - alpha)
  const planned = Math.ceil(((z + normalQuantile(power)) ** 2 * discordance) / margin ** 2)
  const withoutFlips = Math.floor((Math.max(0, z) ** 2 * (1 - margin)) / margin) + 1
  return Math.max(planned, withoutFlips)
}
