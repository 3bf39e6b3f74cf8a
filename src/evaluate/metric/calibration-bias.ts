import { normalSurvival } from '../../statistics/index.ts'
import { type Confidences, reliabilityBins } from './calibration-error.ts'
import type { Flattery } from './metric.ts'

/** A gap that so many standard errors do not tell from none may be none. */
const TOLD = 2

/**
 * By how much rows may flatter `other` against `first`: what chance adds to the calibration error of `first` beyond what
 * it adds to that of `other`, 0 at least. A bin without a gap seems to have one, by 0.8 standard errors on the mean, and a
 * large gap is seen as it is: of two models the better calibrated one looks worse than it is. Its gaps are taken as none
 * where the rows do not tell, and those of the other as these and the difference that was seen, so that two models
 * that are nearly the same are hardly flattered. Of chance whose sign is lost the metric shows 1 − 2/π of the variance; what
 * is missing is the error of what is told here.
 *
 * Source: E|X| of a normal X, F. C. Leone, L. S. Nelson and R. B. Nottingham, The folded normal distribution, Technometrics
 * 3 (1961); that binned calibration errors come out too large, R. Roelofs et al., Mitigating bias in calibration error
 * estimation, arXiv 2012.08668 (2020), section 3.
 */
export function flattery(first: Confidences, other: Confidences): Flattery {
  const [own, others] = [gapsOf(first), gapsOf(other)]
  let [sum, variance] = [0, 0]
  for (const [i, one] of own.entries()) {
    const two = others[i]!
    const least = Math.abs(one.gap) < TOLD * one.error ? 0 : one.gap
    const added = one.share * inflation(least, one.error)
    const shared = two.share * inflation(one.share > 0 ? least + two.gap - one.gap : two.gap, two.error)
    sum += added - shared
    if (added > shared) variance += (2 / Math.PI) * (one.share * one.error * (1 - shared / added)) ** 2
  }
  return { by: Math.max(0, sum), error: Math.sqrt(variance) }
}

/**
 * By bin the share of the rows, confidence less accuracy, and its standard error. One row more, right as often as these
 * are confident, keeps that above 0 where all of a few are right.
 */
function gapsOf(rows: Confidences) {
  return reliabilityBins(rows).map(({ n, confidence, accuracy }) => {
    if (n === 0) return { share: 0, gap: 0, error: 0 }
    const smoothed = (accuracy! * n + confidence!) / (n + 1)
    return {
      share: n / rows.confidence.length,
      gap: confidence! - accuracy!,
      error: Math.sqrt(Math.max(0, smoothed * (1 - smoothed)) / n),
    }
  })
}

/** E|gap + error · Z| − |gap|, with Z standard normal. */
function inflation(gap: number, error: number): number {
  if (error === 0) return 0
  const distance = Math.abs(gap) / error
  return (
    error * (Math.sqrt(2 / Math.PI) * Math.exp((-distance * distance) / 2) - 2 * distance * normalSurvival(distance))
  )
}
