import { classesOf, type LabelledProbabilities } from './labelled-probabilities.ts'

/** Less than this is 0 but for rounding. */
const ROUNDING = 1e-6

/**
 * How trustworthy each row's label is, from 0 to 1: `self-confidence`, its probability; `margin`, (1 + p_label − the
 * highest other) / 2; `entropy`, ln(1 + s) / s of s = entropy as a share of its greatest, over the label's probability.
 *
 * Source: J. Kuan and J. Mueller, Model-agnostic label quality scoring to detect real-world label errors, ICML DataPerf
 * workshop (2022).
 *
 * @throws RangeError for unequal lengths, a label that is no class, or numbers that are no probabilities.
 */
export function labelQuality(
  input: LabelledProbabilities,
  by: 'self-confidence' | 'margin' | 'entropy' = 'self-confidence',
): readonly number[] {
  const classes = classesOf(input)
  return input.probabilities.map((row, i) => {
    const label = input.labels[i]!
    const own = row[label]!
    if (by === 'self-confidence') return own
    if (by === 'margin') {
      let other = -Infinity
      for (let k = 0; k < classes; k++) if (k !== label) other = Math.max(other, row[k]!)
      return (1 + own - other) / 2
    }
    let entropy = 0
    for (let k = 0; k < classes; k++) if (row[k]! > 0) entropy -= row[k]! * Math.log(row[k]!)
    const spread = entropy / Math.log(classes) / Math.max(own, ROUNDING)
    return spread < ROUNDING ? 1 : Math.log1p(spread) / spread
  })
}
