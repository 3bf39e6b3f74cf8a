/** How well scores put positive rows above the others; a higher score says "positive". */
import { midRanks } from '../../statistics/index.ts'
import type { Levels } from './levels.ts'

/**
 * Area under the receiver operating characteristic: the chance that a positive row scores above a negative one, ties
 * counting half (Mann–Whitney). NaN where one kind is missing; 0.5 where all scores are equal.
 */
export function auroc({ length, above, positives, beside, allPositives, allNegatives }: Levels): number {
  let below = allNegatives
  let sum = 0
  for (let k = 0; k < length; k++) {
    below -= above[k]! + beside[k]!
    sum += positives[k]! * (below + beside[k]! / 2)
  }
  return allPositives === 0 || allNegatives === 0 ? Number.NaN : sum / (allPositives * allNegatives)
}

/**
 * Average precision: Σ (recall step) · precision, the area under the precision-recall curve without interpolation, as
 * scikit-learn's `average_precision_score`. NaN without positives; their share where all scores are equal.
 */
export function averagePrecision({ length, above, positives, beside, allPositives }: Levels): number {
  let [found, seen, sum] = [0, 0, 0]
  for (let k = 0; k < length; k++) {
    found += positives[k]!
    seen += above[k]! + positives[k]! + beside[k]!
    sum += positives[k]! * (found / seen)
  }
  return allPositives === 0 ? Number.NaN : sum / allPositives
}

/**
 * Share of negatives above the highest threshold that at least 95 % of the positives reach, "FPR95"; which rows are called
 * positive decides what it means: name it wherever it is shown.
 */
export function falsePositiveRate(levels: Levels): number {
  const { length, above, positives, beside, allPositives, allNegatives } = levels
  if (allPositives === 0 || allNegatives === 0) return Number.NaN
  let [found, wrong] = [0, 0]
  for (let k = 0; k < length && found / allPositives < 0.95; k++) {
    found += positives[k]!
    wrong += above[k]! + beside[k]!
  }
  return wrong / allNegatives
}

/**
 * The error rate where as many positives are refused as negatives let in, the two lines of the curve being joined where
 * they cross between thresholds. NaN where one kind is missing; 0.5 where all scores are equal.
 */
export function equalErrorRate({ length, above, positives, beside, allPositives, allNegatives }: Levels): number {
  if (allPositives === 0 || allNegatives === 0) return Number.NaN
  let [found, accepted] = [0, 0]
  for (let k = 0; k < length; k++) {
    const refused = 1 - found / allPositives
    // Between two levels no positive is found: what is refused stays, and what is accepted comes up to it.
    if ((accepted + above[k]!) / allNegatives >= refused) return refused
    const [from, to] = [(accepted + above[k]!) / allNegatives, (accepted + above[k]! + beside[k]!) / allNegatives]
    const nextRefused = 1 - (found + positives[k]!) / allPositives
    if (to >= nextRefused) return from + ((refused - from) / (refused - from + to - nextRefused)) * (to - from)
    found += positives[k]!
    accepted += above[k]! + beside[k]!
  }
  // Not reached: at the last level nothing is refused any more.
  return 0
}

/**
 * Spearman's rank correlation: Pearson's of the mid-ranks. NaN where one side is constant.
 *
 * Source: C. Spearman, The proof and measurement of association between two things (1904).
 *
 * @throws RangeError for a value that is not a number.
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
