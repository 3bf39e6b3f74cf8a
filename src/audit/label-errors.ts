import { confidentJoint } from './confident-joint.ts'
import { labelQuality } from './label-quality.ts'
import type { LabelledProbabilities } from './labelled-probabilities.ts'

/**
 * How a mislabelled row is told: `noise-rate` (of every pair of classes the joint's number of rows, largest margin first;
 * the paper's best), `class` (of every label the joint's number, least sure first), `both` of these, `confident` (rows
 * that are sure of another class), `predicted` (another class is likelier), `self-confidence` and `margin` (the joint's
 * number over all rows, worst quality first).
 */
export type LabelCheck = 'noise-rate' | 'class' | 'both' | 'confident' | 'predicted' | 'self-confidence' | 'margin'

/**
 * Rows whose label is probably wrong, least sure of its label first. A row whose label is the model's answer is never one.
 *
 * Source: Northcutt et al. (2019), section 3.2.
 *
 * @throws RangeError as {@link confidentJoint}.
 */
export function labelErrors(input: LabelledProbabilities, by: LabelCheck = 'noise-rate'): readonly number[] {
  const { labels, probabilities } = input
  const found = confidentJoint(input)
  const rows = [...labels.keys()]
  const own = (row: number) => probabilities[row]![labels[row]!]!
  const answers = probabilities.map(likeliest)
  const doubted = rows.filter((row) => answers[row] !== labels[row])
  const off = found.calibrated.reduce(
    (sum, line, k) => sum + line.reduce((more, count, j) => (j === k ? more : more + count), 0),
    0,
  )
  const checks: Record<LabelCheck, () => readonly number[]> = {
    'noise-rate': () =>
      found.calibrated.flatMap((line, k) =>
        line.flatMap((count, j) => {
          if (j === k) return []
          const margin = (row: number) => probabilities[row]![j]! - own(row)
          return lowest(
            rows.filter((row) => labels[row] === k),
            count,
            (row) => -margin(row),
          )
        }),
      ),
    class: () =>
      found.calibrated.flatMap((line, k) => {
        const of = rows.filter((row) => labels[row] === k)
        return lowest(of, of.length - line[k]!, own)
      }),
    both: () => {
      const other = new Set(checks.class())
      return checks['noise-rate']().filter((row) => other.has(row))
    },
    confident: () => rows.filter((row) => found.sure[row] !== -1 && found.sure[row] !== labels[row]),
    predicted: () => doubted,
    'self-confidence': () => lowest(doubted, off, own),
    margin: () => {
      const quality = labelQuality(input, 'margin')
      return lowest(doubted, off, (row) => quality[row]!)
    },
  }
  const picked = new Set(checks[by]())
  return doubted.filter((row) => picked.has(row)).sort((i, j) => own(i) - own(j) || i - j)
}

/** The `count` rows with the lowest value; a tie with the last of them is in as well. */
function lowest(rows: readonly number[], count: number, of: (row: number) => number): readonly number[] {
  if (count <= 0) return []
  const cut = rows.map(of).sort((a, b) => a - b)[Math.min(count, rows.length) - 1]!
  return rows.filter((row) => of(row) <= cut)
}

function likeliest(row: ArrayLike<number>): number {
  let best = 0
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k
  return best
}
