import { classesOf, type LabelledProbabilities } from './labelled-probabilities.ts'

/** How given labels and true classes go together, as far as a model that was not trained on the rows can tell. */
export interface ConfidentJoint {
  /** Mean probability of each class over the rows that carry its label: what "sure" means for that class. */
  readonly thresholds: readonly number[]
  /** Rows by given label (first) and the class that the model is sure of; rows without a sure class are in none. */
  readonly counts: readonly (readonly number[])[]
  /** The same scaled so that every given label has all of its rows. Sums to the number of rows. */
  readonly calibrated: readonly (readonly number[])[]
  /** Estimated share of rows by given label and true class. */
  readonly joint: readonly (readonly number[])[]
  /** The class that the model is sure of, by row; −1 where it is sure of none. */
  readonly sure: readonly number[]
}

/** As in the reference implementation: a probability equal to its threshold but for rounding reaches it. */
const ROUNDING = 1e-6

/**
 * Estimates which labels are mistaken for which classes, from rows whose probability reaches the mean of its class.
 *
 * Source: C. Northcutt, L. Jiang and I. Chuang, Confident Learning, arXiv 1911.00068 (2019), equations 1 to 3; every
 * class keeps one right row and the rows are rounded to whole ones, as in the authors' code.
 *
 * @throws RangeError for unequal lengths, a label that is no class, numbers that are no probabilities, or a class without rows.
 */
export function confidentJoint({ labels, probabilities }: LabelledProbabilities): ConfidentJoint {
  const classes = classesOf({ labels, probabilities })
  const given = new Array<number>(classes).fill(0)
  const sums = new Array<number>(classes).fill(0)
  for (const [row, label] of labels.entries()) {
    given[label]!++
    sums[label]! += probabilities[row]![label]!
  }
  const absent = given.indexOf(0)
  if (absent !== -1) throw new RangeError(`no row has label ${absent}: leave that class out of the probabilities`)
  const thresholds = sums.map((sum, k) => sum / given[k]!)
  const sure = probabilities.map((row) => {
    let best = -1
    for (let k = 0; k < classes; k++)
      if (row[k]! >= thresholds[k]! - ROUNDING && (best === -1 || row[k]! > row[best]!)) best = k
    return best
  })
  const counts = given.map(() => new Array<number>(classes).fill(0))
  for (const [row, label] of labels.entries()) if (sure[row] !== -1) counts[label]![sure[row]!]!++
  for (const k of given.keys()) counts[k]![k] = Math.max(1, counts[k]![k]!)
  const calibrated = counts.map((line, k) => {
    const total = line.reduce((sum, count) => sum + count, 0)
    return wholeParts(line.map((count) => (count * given[k]!) / total))
  })
  const joint = calibrated.map((line) => line.map((count) => count / labels.length))
  return { thresholds, counts, calibrated, joint, sure }
}

/** Rounds numbers to whole ones that keep their (whole) sum: largest remainders first. */
function wholeParts(values: readonly number[]): readonly number[] {
  const parts = values.map(Math.floor)
  const missing = Math.round(values.reduce((sum, value) => sum + value, 0)) - parts.reduce((sum, part) => sum + part, 0)
  const order = [...values.keys()].sort((i, j) => values[j]! - parts[j]! - (values[i]! - parts[i]!) || i - j)
  for (const i of order.slice(0, missing)) parts[i]!++
  return parts
}
