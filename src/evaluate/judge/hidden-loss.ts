import { normalQuantile, normalSurvival } from '../../statistics/index.ts'
import type { Flattery } from '../metric/metric.ts'
import type { Bounds } from './cautious-bounds.ts'
import type { PairedScores } from './paired-scores.ts'
import type { Unseen } from './unseen-cost.ts'

/*
 * What scores hide of a loss: changes that no row showed, and what a metric makes a worse model look better by. Bounds
 * become wider by it, and the z at which they meet the margin smaller.
 */

/** A test statistic beyond this is not told from certainty. */
export const MOST_Z = 40
/** As far as the level at which unseen changes cost the margin is looked for. */
const MOST_Z_OF_UNSEEN = 8

/**
 * Bounds that reach as far as changes that no row showed could still move the metric: where a bootstrap has seen enough,
 * by the squares of both distances added up (G. Zou and A. Donner, Statistics in Medicine 27 (2008), for sums of
 * independent estimates).
 */
export function widened({ lower, upper, ci }: Bounds, delta: number, unseen: Unseen, alpha: number): Bounds {
  const { costAt, gainAt, tooFew } = unseen
  const around = (level: number, low: number, high: number): readonly [number, number] =>
    tooFew
      ? [Math.min(low, -costAt(alpha)), Math.max(high, gainAt(alpha))]
      : [delta - Math.hypot(delta - low, costAt(level)), delta + Math.hypot(high - delta, gainAt(level))]
  const [least, most] = around(alpha, lower, upper)
  return { lower: least, upper: most, ci: around(alpha / 2, ...ci) }
}

/** Of a metric that no chance flatters. */
export const NOT_FLATTERED: NonNullable<PairedScores['flattery']> = {
  loss: { by: 0, error: 0 },
  gain: { by: 0, error: 0 },
}

/** Bounds that allow for a loss and a gain which look smaller than they are, and for what is not seen of their error. */
export function unflattered(
  { lower, upper, ci }: Bounds,
  delta: number,
  { loss, gain }: NonNullable<PairedScores['flattery']>,
  alpha: number,
): Bounds {
  const around = (level: number, low: number, high: number): readonly [number, number] => {
    const z = normalQuantile(1 - level)
    return [
      delta - loss.by - Math.hypot(delta - low, z * loss.error),
      delta + gain.by + Math.hypot(high - delta, z * gain.error),
    ]
  }
  const [least, most] = around(alpha, lower, upper)
  return { lower: least, upper: most, ci: around(alpha / 2, ...ci) }
}

/** The z up to which such a bound stays above −margin: what a bootstrap shows is taken to grow in a line with it. */
export function zOfFlattered(
  { lower }: Bounds,
  delta: number,
  { by, error }: Flattery,
  { margin, alpha }: { readonly margin: number; readonly alpha: number },
): number {
  const room = delta - by + margin
  return room === 0 ? 0 : room / Math.hypot((delta - lower) / normalQuantile(1 - alpha), error)
}

/** The greatest z up to which the bound that counts unseen changes stays above −margin. */
export function zOfUnseen(
  { costAt, tooFew }: Unseen,
  delta: number,
  lowerAt: (level: number) => number,
  margin: number,
): number {
  const room = tooFew ? margin : delta + margin
  // Nothing is left for them to take: what was seen decides.
  if (room <= 0) return MOST_Z
  let [passes, fails] = [-MOST_Z_OF_UNSEEN, MOST_Z_OF_UNSEEN]
  for (let step = 0; step < 50; step++) {
    const z = (passes + fails) / 2
    const level = normalSurvival(z)
    // Beyond the middle what was seen is no allowance.
    const shown = tooFew || z <= 0 ? 0 : Math.max(0, delta - lowerAt(level))
    if (Math.hypot(shown, costAt(level)) < room) passes = z
    else fails = z
  }
  return passes
}
