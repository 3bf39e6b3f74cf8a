import type { ComparisonReport } from '../../report/index.ts'
import { mean, predictive } from '../../statistics/index.ts'
import { CLOSE_AGREEMENT } from './close.ts'
import { worstOutput } from './lowest-sqnr.ts'

/** Boxes that were held against each other, and how those that changed are spread over rows. */
interface ChangedBoxes {
  readonly compared: number
  readonly changed: number
  /** So many rows would change as unevenly if each that does changed equally: (Σ cᵢ)² / Σ cᵢ² (Kish). */
  readonly noiseRows: number
  readonly rows: number
}

/**
 * How many boxes change at a time, as long as nothing else is known: one that moved is missing in one list and new in the
 * other.
 */
const AT_A_TIME = 2
/** This counts as much as so many changed boxes of which it was seen. */
const PRIOR_BOXES = 4

/** What a louder mixture of the same candidate foretells counts as so much of what was seen of this one. */
const ELSEWHERE = 1 / 2

/**
 * The probability that at least 99 % of the boxes of `fresh` rows stay, where so many of other rows did. Boxes of one
 * picture change together, so counts are divided by their design effect, of what was seen and of what is to come, and
 * taken as independent then (J. N. K. Rao and A. J. Scott, A simple method for the analysis of clustered binary data,
 * Biometrics 48, 1992). What that leaves is no whole number: between two of them the probability goes straight, halves
 * corrected for.
 *
 * The one of several mixtures that looks safe is often the one that was lucky, so what louder ones `foretell` for it takes
 * part as what is known beforehand: odds that heed all evidence need no correction for having been picked (A. P. Dawid,
 * Selection paradoxes of Bayesian inference, 1994).
 *
 * @param foretold The share of changed boxes that others foretell; null where there are none.
 */
export function boxesStay(seen: ChangedBoxes, fresh: number, foretold: number | null = null): number {
  const { compared, rows } = seen
  const added = foretold === null ? 0 : ELSEWHERE * compared
  const [known, changed] = [compared + added, seen.changed + added * (foretold ?? 0)]
  const effect = boxesAtATime(seen)
  const boxes = (compared * fresh) / rows
  const allowed = Math.floor(boxes * (1 - CLOSE_AGREEMENT) + 1e-9)
  const outcomes = predictive(changed / effect, known / effect, Math.max(1, Math.round(boxes / effect)))
  const most = (allowed + 1 / 2) / effect - 1 / 2
  // All of what is counted up to there, and a part of the next.
  return outcomes.reduce((sum, { count, probability }) => sum + probability * within(most + 1 - count), 0)
}

/** A mixture of the same candidate that was judged, and how many times the amplitude of its noise this one has: below 1. */
export interface LouderMixture {
  readonly comparison: ComparisonReport
  readonly amplitude: number
}

/**
 * The share of boxes that louder mixtures foretell to change: in proportion to the amplitude of the noise, the mean of what
 * each says. (It went with the 1.1th power of it from 1 to 3 % of the boxes of YOLOX-nano, and faster above.)
 */
export function foretoldChanged(louder: readonly LouderMixture[]): number | null {
  const shares = louder.flatMap(({ comparison, amplitude }) => {
    const boxes = worstOutput(comparison)?.boxes
    return boxes ? [(amplitude * boxes.changed) / boxes.compared] : []
  })
  return shares.length > 0 ? mean(shares) : null
}

const within = (share: number) => Math.min(1, Math.max(0, share))

/**
 * The design effect of changed boxes (L. Kish, Survey Sampling, 1965): how many times as large the variance of their number
 * is as of independent ones, Σ (cᵢ − c̄)² / Σ cᵢ over rows. Of a handful of changed boxes that says little (of a single one
 * it is always 1), so what is known beforehand takes part with a weight of its own. All pictures count as equally full:
 * near 99 % it makes no difference.
 */
function boxesAtATime({ changed, noiseRows, rows }: ChangedBoxes): number {
  const squares = changed > 0 ? changed ** 2 / noiseRows : 0
  const spread = rows > 1 ? ((squares - changed ** 2 / rows) * rows) / (rows - 1) : squares
  return Math.max(1, (PRIOR_BOXES * AT_A_TIME + Math.max(0, spread)) / (PRIOR_BOXES + changed))
}
