import { requireProbability } from './counts.ts'
import { normalCdf, normalQuantile } from './distributions.ts'
import { mean, squaredDeviations } from './mean.ts'
import { randomSource } from './random.ts'

/** What is resampled, and what is asked of it. */
export interface BootstrapInput {
  /** Rows; each is resampled with its own cluster. */
  readonly rows: number
  /** The statistic on a resample, given as row numbers (with repetition). Smooth in the rows: a mean, a ratio, an F1. */
  readonly statistic: (rows: Int32Array) => number
  /** One name a row where rows are independent only between clusters. */
  readonly clusters?: readonly (string | number)[] | undefined
  readonly seed: number
  readonly resamples?: number | undefined
  readonly alpha?: number | undefined
  /** A value that the statistic is tested against; 0 where omitted. */
  readonly against?: number | undefined
}

/** A statistic, and what its resamples say of it. */
export interface BootstrapResult {
  /** The statistic on all rows. */
  readonly estimate: number
  /** Two-sided 1−α. */
  readonly ci: readonly [number, number]
  /** One-sided 1−α. */
  readonly lowerBound: number
  readonly upperBound: number
  /** The bound that lies above the truth with this probability: `lowerBound` at α. */
  readonly boundAt: (probability: number) => number
  /** The z of the test against `against`: the least α at which the lower bound exceeds it is P(Z > z). */
  readonly z: number
  /** Standard deviation of the resampled statistic. */
  readonly standardError: number
  /** Units that were resampled: clusters, or rows. */
  readonly units: number
  /** How many units would move the statistic as far, if all moved it alike: 1 where a single one does it all. */
  readonly effectiveUnits: number
  /** What one unit more as bad as the worst of these, and as good as the best, would change. */
  readonly oneMore: { readonly worst: OneMore; readonly best: OneMore }
  /** Share of the resamples on which the statistic was undefined, and which were drawn anew. */
  readonly undefinedShare: number
}

/** What one unit more, like the farthest one on a side, would make of the statistic; nothing where that side has no tail. */
export interface OneMore {
  /** Added to the statistic. */
  readonly shift: number
  /** Standard error then, as a multiple of what it is. */
  readonly widening: number
  /** As in `BootstrapResult`. */
  readonly effectiveUnits: number
}

/**
 * Bootstrap interval of a statistic of paired rows, bias-corrected and accelerated (BCa). Whole clusters are drawn; the
 * acceleration comes from a jackknife over units (over at most 200 blocks of them). Seeded: the same seed, the same
 * interval. The Monte-Carlo error of a bound falls with √resamples (about 2 % of the interval's width at 10,000).
 * A statistic that never moves gives an interval of width zero: judge such data by counting instead. A resample on which
 * it is undefined (NaN: an area under a curve without one positive row) is drawn anew, as long as fewer are than are not.
 *
 * Source: B. Efron, Better bootstrap confidence intervals, JASA 82 (1987); jackknife acceleration as in Efron and
 * Tibshirani, An Introduction to the Bootstrap (1993), equation 14.15.
 *
 * @throws RangeError for no rows, unequal lengths, α outside (0, 1).
 */
export function bootstrap(input: BootstrapInput): BootstrapResult {
  const { rows, statistic, clusters, seed, resamples = 10_000, alpha = 0.05, against = 0 } = input
  requireProbability('alpha', alpha)
  if (rows < 1) throw new RangeError('a bootstrap needs at least one row')
  if (clusters && clusters.length !== rows) throw new RangeError(`${clusters.length} cluster names for ${rows} rows`)
  const units = unitsOf(rows, clusters)
  const everything = Int32Array.from({ length: rows }, (_, i) => i)
  const estimate = statistic(everything)
  const { draws, undefinedShare } = resample(units, rows, statistic, seed, resamples)
  const below = draws.reduce((count, value) => count + (value < estimate ? 1 : value === estimate ? 0.5 : 0), 0)
  const bias = normalQuantile(Math.min(1 - 0.5 / resamples, Math.max(0.5 / resamples, below / resamples)))
  const { acceleration, effectiveUnits, oneMore } = jackknife(units, statistic)
  const at = (p: number) => {
    const z = bias + normalQuantile(p)
    const straight = 1 - acceleration * z
    // Farther out the correction turns round; all draws are on this side there.
    return quantile(draws, straight > 0 ? normalCdf(bias + z / straight) : z > 0 ? 1 : 0)
  }
  const variance = squaredDeviations(draws) / Math.max(1, resamples - 1)
  return {
    estimate,
    ci: [at(alpha / 2), at(1 - alpha / 2)],
    lowerBound: at(alpha),
    upperBound: at(1 - alpha),
    boundAt: at,
    z: bias - zOfRank(rankOf(draws, against), bias, acceleration),
    standardError: Math.sqrt(variance),
    units: units.length,
    effectiveUnits,
    oneMore,
    undefinedShare,
  }
}

/**
 * BCa interval of the mean of candidate − base over paired rows; see `bootstrap`.
 *
 * @throws RangeError for no rows or unequal lengths.
 */
export function pairedBootstrap(input: {
  readonly base: readonly number[] | Float64Array
  readonly candidate: readonly number[] | Float64Array
  readonly clusters?: readonly (string | number)[]
  readonly seed: number
  readonly resamples?: number
  readonly alpha?: number
}): BootstrapResult {
  const { base, candidate, ...rest } = input
  if (base.length !== candidate.length) throw new RangeError(`${base.length} base scores, ${candidate.length} others`)
  const differences = Float64Array.from(base, (value, i) => candidate[i]! - value)
  const statistic = (rows: Int32Array) => {
    let sum = 0
    for (let i = 0; i < rows.length; i++) sum += differences[rows[i]!]!
    return sum / rows.length
  }
  return bootstrap({ ...rest, rows: base.length, statistic })
}

function unitsOf(rows: number, clusters: BootstrapInput['clusters']): readonly (readonly number[])[] {
  if (!clusters) return Array.from({ length: rows }, (_, i) => [i])
  const groups = new Map<string | number, number[]>()
  for (let i = 0; i < rows; i++) {
    const group = groups.get(clusters[i]!)
    if (group) group.push(i)
    else groups.set(clusters[i]!, [i])
  }
  return [...groups.values()]
}

/** Ascending; NaN, all of them, where more resamples are undefined than are not. */
function resample(
  units: readonly (readonly number[])[],
  rows: number,
  statistic: (rows: Int32Array) => number,
  seed: number,
  resamples: number,
): { readonly draws: Float64Array; readonly undefinedShare: number } {
  const random = randomSource(seed)
  const largest = units.reduce((most, unit) => Math.max(most, unit.length), 1)
  const buffer = new Int32Array(largest === 1 ? rows : largest * units.length)
  const draws = new Float64Array(resamples)
  let redrawn = 0
  for (let r = 0; r < resamples; r++) {
    let length = 0
    if (largest === 1) for (; length < rows; length++) buffer[length] = random.below(rows)
    else
      for (let k = 0; k < units.length; k++)
        for (const row of units[random.below(units.length)]!) buffer[length++] = row
    draws[r] = statistic(buffer.subarray(0, length))
    if (Number.isNaN(draws[r]) && redrawn < resamples) {
      redrawn++
      r--
    }
  }
  if (draws.some(Number.isNaN)) draws.fill(Number.NaN)
  return { draws: draws.sort(), undefinedShare: redrawn / (resamples + redrawn) }
}

/** Skewness of so many of its standard errors, √(6 / n) of n normal numbers, is no chance. */
const TOLD = 2

/**
 * What leaving out each unit (of more than 200, each of 200 blocks of them) tells. `acceleration` is the skewness of these
 * values over six: how fast the standard error changes with the statistic. `effectiveUnits` is (Σ c²)² / Σ c⁴ of their
 * distances c from their mean, Kish's effective size with squares as weights, of which units / kurtosis is another form.
 * A block of b units adds the 3 b² of a normal sum to the kurtosis where its units would add 3 b: that is taken off.
 * `oneMore` is told of the side to which these values are skewed: there a few units reach far beyond the others.
 *
 * Source: L. Kish, Survey Sampling (1965), for (Σ w)² / Σ w²; the kurtosis of a sum of b is 3 + (κ − 3) / b.
 */
function jackknife(
  units: readonly (readonly number[])[],
  statistic: (rows: Int32Array) => number,
): Pick<BootstrapResult, 'effectiveUnits' | 'oneMore'> & { readonly acceleration: number } {
  const blocks = Math.min(units.length, 200)
  const nothing = { shift: 0, widening: 1, effectiveUnits: blocks }
  if (blocks < 2) return { acceleration: 0, effectiveUnits: blocks, oneMore: { worst: nothing, best: nothing } }
  const values: number[] = []
  const sizes = new Float64Array(blocks)
  for (let block = 0; block < blocks; block++) {
    const left = units.filter((_, k) => Math.floor((k * blocks) / units.length) !== block)
    sizes[block] = units.length - left.length
    const value = statistic(Int32Array.from(left.flat()))
    if (!Number.isNaN(value)) values.push(value)
  }
  const middle = mean(values)
  let [squares, cubes, fourths] = [0, 0, 0]
  let [worst, best] = [0, 0]
  for (const value of values) {
    const given = middle - value
    squares += given ** 2
    cubes += given ** 3
    fourths += given ** 4
    worst = Math.min(worst, given)
    best = Math.max(best, given)
  }
  const ofBlocks = sizes.reduce((sum, size) => sum + size ** 2, 0) / units.length ** 2 - 1 / units.length
  const effective = (sumOfSquares: number, sumOfFourths: number) => {
    const perUnit = sumOfFourths / sumOfSquares ** 2 - 3 * ofBlocks
    // Squares of squares that float64 cannot hold, or none: no unit is told from the others.
    return perUnit > 1 / units.length ? 1 / perUnit : units.length
  }
  const effectiveUnits = effective(squares, fourths)
  const count = values.length
  const skewness = (Math.sqrt(count) * cubes) / squares ** 1.5
  const oneMore = (farthest: number): OneMore => {
    if (!(skewness * Math.sign(farthest) > TOLD * Math.sqrt(6 / count))) return { ...nothing, effectiveUnits }
    const more = squares + (farthest ** 2 * count) / (count + 1)
    return {
      // Leaving a block out takes away its share of the others; another one like it adds that of all.
      shift: (farthest * (count - 1)) / (count + 1),
      widening: (Math.sqrt(more / squares) * count) / (count + 1),
      effectiveUnits: effective(more, fourths + farthest ** 4),
    }
  }
  return {
    acceleration: cubes === 0 ? 0 : cubes / (6 * squares ** 1.5),
    effectiveUnits,
    oneMore: { worst: oneMore(worst), best: oneMore(best) },
  }
}

/** The greatest share at which `quantile` does not exceed this value: 0 where all draws do, 1 where none does. */
function rankOf(sorted: Float64Array, value: number): number {
  const above = sorted.findIndex((one) => one > value)
  if (above === -1) return 1
  if (above === 0) return 0
  const [low, high] = [sorted[above - 1]!, sorted[above]!]
  return (above - 1 + (value - low) / (high - low)) / (sorted.length - 1)
}

/** The z that leads to this place among the draws; infinite where none does. */
function zOfRank(rank: number, bias: number, acceleration: number): number {
  if (rank <= 0 || rank >= 1) return rank <= 0 ? -Infinity : Infinity
  const beyond = normalQuantile(rank) - bias
  const straight = 1 + acceleration * beyond
  if (straight > 0) return beyond / straight
  return acceleration > 0 ? -Infinity : Infinity
}

/** Linear interpolation between order statistics (type 7). */
function quantile(sorted: Float64Array, p: number): number {
  const place = Math.min(1, Math.max(0, p)) * (sorted.length - 1)
  const below = Math.floor(place)
  const value = sorted[below]!
  return below + 1 < sorted.length ? value + (place - below) * (sorted[below + 1]! - value) : value
}
