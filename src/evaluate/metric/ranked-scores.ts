/**
 * How well scores put positive rows above the others. All take parallel arrays; a higher score says "positive". Scores
 * that are NaN cannot be ranked: those rows are an error of the caller.
 */
import { midRanks } from '../../statistics/index.ts'

interface Ranked {
  /** Positives and negatives at each distinct score, from the highest down. */
  readonly steps: Iterable<Step>
  readonly positives: number
  readonly negatives: number
}

interface Step {
  readonly positives: number
  readonly negatives: number
}

function ranked(scores: ArrayLike<number>, positive: ArrayLike<boolean>): Ranked {
  if (scores.length !== positive.length) throw new RangeError(`${scores.length} scores for ${positive.length} rows`)
  let positives = 0
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i]!)) throw new RangeError(`the score of row ${i} is NaN`)
    if (positive[i]) positives++
  }
  // A bootstrap ranks thousands of times: plain numbers are sorted many times as fast as rows are by a comparison.
  const [ups, downs] = [new Float64Array(positives), new Float64Array(scores.length - positives)]
  let [up, down] = [0, 0]
  // Adding 0 makes −0 and 0 the one score that they are.
  for (let i = 0; i < scores.length; i++)
    if (positive[i]) ups[up++] = scores[i]! + 0
    else downs[down++] = scores[i]! + 0
  return { steps: stepsOf(ups.sort(), downs.sort()), positives, negatives: downs.length }
}

/** The steps of two ascending lists of scores. */
function* stepsOf(ups: Float64Array, downs: Float64Array): Generator<Step> {
  let [up, down] = [ups.length, downs.length]
  while (up > 0 || down > 0) {
    const score = Math.max(up > 0 ? ups[up - 1]! : -Infinity, down > 0 ? downs[down - 1]! : -Infinity)
    const [upBefore, downBefore] = [up, down]
    while (up > 0 && ups[up - 1] === score) up--
    while (down > 0 && downs[down - 1] === score) down--
    yield { positives: upBefore - up, negatives: downBefore - down }
  }
}

/**
 * Area under the receiver operating characteristic: the chance that a positive row scores above a negative one, ties
 * counting half (Mann–Whitney). NaN where one kind is missing; 0.5 where all scores are equal.
 */
export function auroc(scores: ArrayLike<number>, positive: ArrayLike<boolean>): number {
  const { steps, positives, negatives } = ranked(scores, positive)
  let below = negatives
  let sum = 0
  for (const step of steps) {
    below -= step.negatives
    sum += step.positives * (below + step.negatives / 2)
  }
  return positives === 0 || negatives === 0 ? Number.NaN : sum / (positives * negatives)
}

/**
 * Average precision: Σ (recall step) · precision, the area under the precision-recall curve without interpolation, as
 * scikit-learn's `average_precision_score`. NaN without positives; their share where all scores are equal.
 */
export function averagePrecision(scores: ArrayLike<number>, positive: ArrayLike<boolean>): number {
  const { steps, positives } = ranked(scores, positive)
  let [found, seen, sum] = [0, 0, 0]
  for (const step of steps) {
    found += step.positives
    seen += step.positives + step.negatives
    sum += step.positives * (found / seen)
  }
  return positives === 0 ? Number.NaN : sum / positives
}

/**
 * Share of negatives above the highest threshold that at least `recall` of the positives reach. With 0.95 it is "FPR95",
 * and which rows are called positive decides what it means: name it wherever it is shown.
 */
export function falsePositiveRate(scores: ArrayLike<number>, positive: ArrayLike<boolean>, recall = 0.95): number {
  const { steps, positives, negatives } = ranked(scores, positive)
  if (positives === 0 || negatives === 0) return Number.NaN
  let [found, wrong] = [0, 0]
  for (const step of steps) {
    found += step.positives
    wrong += step.negatives
    if (found / positives >= recall) break
  }
  return wrong / negatives
}

/**
 * The error rate where as many positives are refused as negatives let in, the two lines of the curve being joined where
 * they cross between thresholds. NaN where one kind is missing; 0.5 where all scores are equal.
 */
export function equalErrorRate(scores: ArrayLike<number>, positive: ArrayLike<boolean>): number {
  const { steps, positives, negatives } = ranked(scores, positive)
  if (positives === 0 || negatives === 0) return Number.NaN
  let [refused, accepted] = [1, 0]
  for (const step of steps) {
    const [nextRefused, nextAccepted] = [refused - step.positives / positives, accepted + step.negatives / negatives]
    if (nextAccepted >= nextRefused) {
      const [gap, nextGap] = [refused - accepted, nextAccepted - nextRefused]
      const share = gap + nextGap > 0 ? gap / (gap + nextGap) : 0
      return accepted + share * (nextAccepted - accepted)
    }
    refused = nextRefused
    accepted = nextAccepted
  }
  return accepted
}

/**
 * Spearman's rank correlation: Pearson's of the mid-ranks. NaN where one side is constant.
 *
 * Source: C. Spearman, The proof and measurement of association between two things (1904).
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = [midRanks(a), midRanks(b)]
  const mean = (x.length + 1) / 2
  let [xy, xx, yy] = [0, 0, 0]
  for (let i = 0; i < x.length; i++) {
    xy += (x[i]! - mean) * (y[i]! - mean)
    xx += (x[i]! - mean) ** 2
    yy += (y[i]! - mean) ** 2
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : Number.NaN
}
