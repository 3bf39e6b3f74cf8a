import { UserError } from '../../platform/index.ts'
import { type ClassOptions, classIndex, classScoresOf } from './classification.ts'
import type { MetricRow } from './metric.ts'
import { mayBeProbabilities, softmax } from './probabilities.ts'

/** What a model scores its classes with in one row, and the class that is right. */
interface LabelledScores {
  readonly label: number
  /** One score a class, or one alone, which is that of class 1. */
  readonly scores: ArrayLike<number>
}

/** @throws UserError where no floating output scores classes, or the label is none of them. */
export function labelledScores(row: MetricRow, options: ClassOptions): LabelledScores {
  const scores = classScoresOf(row, options)
  if (scores.length > 1) return { label: classIndex(row, options), scores }
  const { label } = row
  if (label === 0 || label === 1) return { label, scores }
  throw new UserError('bad-data', `the label ${JSON.stringify(label)} of row ${row.row} is neither 0 nor 1`, {
    where: `row ${row.row}`,
    hint: 'a model with one score tells class 1 from class 0',
  })
}

/** Probabilities of all classes, where these scores are probabilities. */
export function asProbabilities(scores: ArrayLike<number>): ArrayLike<number> {
  return scores.length > 1 ? scores : [1 - scores[0]!, scores[0]!]
}

/** Probabilities of all classes, where these scores are logits. */
export function fromLogits(scores: ArrayLike<number>): ArrayLike<number> {
  return softmax(scores.length > 1 ? scores : [0, scores[0]!])
}

/** Probabilities of all classes, by what the scores of this row alone look like; rounding may have moved them beyond 0 to 1. */
export function byItself(scores: ArrayLike<number>): ArrayLike<number> {
  if (!mayBeProbabilities(scores)) return fromLogits(scores)
  return Array.from(asProbabilities(scores), (value) => Math.min(1, Math.max(0, value)))
}
