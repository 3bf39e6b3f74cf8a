import { normalQuantile, normalSurvival } from './distributions.ts'
import { mean, squaredDeviations } from './mean.ts'
import { midRanks } from './mid-ranks.ts'

/**
 * Areas under the ROC curves of two scores on the same rows, and the interval of their difference b − a (two-sided 1−α).
 * `positive[i]` says which rows are positive; a higher score means more positive; ties count half. `p` is two-sided, 1
 * where the two never order a pair differently.
 *
 * Source: E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44 (1988), with the mid-rank form of Sun and
 * Xu, IEEE Signal Processing Letters 21 (2014).
 *
 * @throws RangeError for unequal lengths, where there are not two rows of each kind, or for a score that is not a number.
 */
export function delongPaired(input: {
  readonly a: readonly number[]
  readonly b: readonly number[]
  readonly positive: readonly boolean[]
  readonly alpha?: number
}): {
  readonly a: number
  readonly b: number
  readonly difference: number
  readonly standardError: number
  readonly z: number
  readonly p: number
  readonly ci: readonly [number, number]
} {
  const { a, b, positive, alpha = 0.05 } = input
  if (a.length !== positive.length || b.length !== positive.length)
    throw new RangeError('scores and labels differ in length')
  const m = positive.filter(Boolean).length
  const n = positive.length - m
  if (m < 2 || n < 2) throw new RangeError(`AUROC needs two rows of each kind, got ${m} positive and ${n} negative`)
  const ofA = byKind(placements(a, positive), positive)
  const ofB = byKind(placements(b, positive), positive)
  const variance =
    varianceOfDifference(ofA.positives, ofB.positives) / m + varianceOfDifference(ofA.negatives, ofB.negatives) / n
  const difference = ofB.auroc - ofA.auroc
  const standardError = Math.sqrt(variance)
  const z = difference === 0 ? 0 : difference / standardError
  const half = normalQuantile(1 - alpha / 2) * standardError
  return {
    a: ofA.auroc,
    b: ofB.auroc,
    difference,
    standardError,
    z,
    p: Math.min(1, 2 * normalSurvival(Math.abs(z))),
    ci: [difference - half, difference + half],
  }
}

/**
 * What each row gives to the area: for a positive the share of negatives below it, for a negative the share of positives
 * above it, ties counting half. Rows that stand the same among those of the other kind have the same, whatever their score.
 */
export function placements(scores: readonly number[], positive: readonly boolean[]): readonly number[] {
  const all = midRanks(scores)
  const [ups, downs] = [true, false].map((kind) => midRanks(scores.filter((_, i) => positive[i] === kind)))
  let [up, down] = [0, 0]
  return scores.map((_, i) =>
    positive[i] ? (all[i]! - ups![up++]!) / downs!.length : 1 - (all[i]! - downs![down++]!) / ups!.length,
  )
}

function byKind(parts: readonly number[], positive: readonly boolean[]) {
  const positives = parts.filter((_, i) => positive[i])
  const negatives = parts.filter((_, i) => !positive[i])
  return { positives, negatives, auroc: mean(positives) }
}

function varianceOfDifference(x: readonly number[], y: readonly number[]): number {
  const d = x.map((value, i) => value - y[i]!)
  return squaredDeviations(d) / (d.length - 1)
}
