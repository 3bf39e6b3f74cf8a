import { requireCounts } from './counts.ts'
import { betaCdf, lnBeta } from './distributions.ts'

/** Discordant pairs seen so far. */
export interface DiscordantPairs {
  readonly baseOnly: number
  readonly candidateOnly: number
  /**
   * `worse` (default): evidence that the candidate loses more than half of the discordant pairs (uniform prior on
   * ½ … 1). `different`: either way (uniform prior on 0 … 1).
   */
  readonly alternative?: 'worse' | 'different'
}

/** Losses of the candidate minus losses of the baseline, row by row, each within [−bound, bound]. */
export interface LossDifferences {
  readonly differences: readonly number[]
  readonly bound: number
}

/**
 * Evidence against "the candidate is not worse" that may be looked at after every row: under that hypothesis it exceeds
 * 1/α at *any* time with probability at most α, so alarm at `eValue ≥ 1/α`.
 *
 * On discordant pairs: a beta mixture of likelihood ratios, ∫ θᵇ(1−θ)ᶜ π(θ) dθ / ½ᵇ⁺ᶜ. On bounded losses: the wealth
 * ∏(1 + λ dᵢ / bound), averaged over bets λ = 1/32 … 31/32.
 *
 * Source: J. Ville (1939); H. Robbins, Annals of Mathematical Statistics 41 (1970), for mixtures; betting on bounded
 * means as in I. Waudby-Smith and A. Ramdas, JRSS B 86 (2024).
 *
 * @throws RangeError for counts that are not whole, or a difference beyond the bound or not a number.
 */
export function eProcess(input: DiscordantPairs | LossDifferences): number {
  return 'differences' in input ? bettingOn(input) : mixtureOver(input)
}

function mixtureOver({ baseOnly, candidateOnly, alternative = 'worse' }: DiscordantPairs): number {
  requireCounts({ baseOnly, candidateOnly })
  const lnTwoSided = lnBeta(baseOnly + 1, candidateOnly + 1) + (baseOnly + candidateOnly) * Math.LN2
  if (alternative === 'different') return Math.exp(lnTwoSided)
  // P(θ > ½) of Beta(b+1, c+1), written so that no digits are lost when it is small.
  const upperHalf = betaCdf(0.5, candidateOnly + 1, baseOnly + 1)
  return upperHalf === 0 ? 0 : 2 * Math.exp(lnTwoSided + Math.log(upperHalf))
}

function bettingOn({ differences, bound }: LossDifferences): number {
  if (!(bound > 0)) throw new RangeError(`bound must be above 0, got ${bound}`)
  let wealth = START
  for (const [row, difference] of differences.entries()) {
    if (!(Math.abs(difference) <= bound))
      throw new RangeError(`difference ${difference} of row ${row} is not within ±${bound}`)
    wealth = bet(wealth, difference / bound)
  }
  return wealthOf(wealth)
}

const BETS = Array.from({ length: 31 }, (_, i) => (i + 1) / 32)

/** Logarithms of what each bet λ = 1/32 … 31/32 has made of 1 so far: the whole memory of a process that goes on. */
export type Wealth = readonly number[]

/** Before the first observation. */
export const START: Wealth = BETS.map(() => 0)

/** Most processes see the same few values again and again. */
const growths = new Map<number, readonly number[]>()
const MOST_GROWTHS = 64

/**
 * The wealth after one more observation within [−1, 1]. Where every observation has a mean of at most 0 given those
 * before it, {@link wealthOf} ever exceeds 1/α with probability at most α: the same process as {@link eProcess} on
 * bounded differences, one observation at a time.
 *
 * @throws RangeError for an observation beyond [−1, 1] or not a number.
 */
export function bet(wealth: Wealth, observation: number): Wealth {
  if (observation === 0) return wealth
  let growth = growths.get(observation)
  if (!growth) {
    if (!(Math.abs(observation) <= 1)) throw new RangeError(`observation ${observation} is not within ±1`)
    growth = BETS.map((share) => Math.log1p(share * observation))
    if (growths.size < MOST_GROWTHS) growths.set(observation, growth)
  }
  const next = wealth.slice()
  for (let k = 0; k < next.length; k++) next[k]! += growth[k]!
  return next
}

/** The logarithm of the best bet, which the e-value never exceeds: most looks need no more. */
export function bestOf(wealth: Wealth): number {
  let best = wealth[0]!
  for (let k = 1; k < wealth.length; k++) if (wealth[k]! > best) best = wealth[k]!
  return best
}

/** The e-value: the mean over all bets. */
export function wealthOf(wealth: Wealth): number {
  const largest = bestOf(wealth)
  return Math.exp(largest) * (wealth.reduce((sum, value) => sum + Math.exp(value - largest), 0) / wealth.length)
}
