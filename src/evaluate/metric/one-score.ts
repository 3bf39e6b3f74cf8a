import { isFloating } from '../../ir/index.ts'
import { isClassLike } from '../outputs/class-like.ts'
import { balancedAccuracy, type ClassOptions, macroF1, NO_ANSWER } from './classification.ts'
import { labelledScores } from './labelled-scores.ts'
import type { Metric, MetricRow } from './metric.ts'
import { areProbabilitiesTogether, likenessToProbabilities } from './probabilities.ts'
import { className } from './row-labels.ts'

/**
 * `top1` of a model that scores class 1 of two with one number, labels being 0 and 1: the answer is 1 from a half on where
 * the scores are probabilities or approach the labels themselves, as least squares do, else from a logit of 0. All rows
 * of the first model tell it together. NaN is no answer, and wrong.
 */
export function topOfTwo(options: ClassOptions): Metric {
  return {
    name: 'top1',
    higherIsBetter: true,
    rightOrWrong: true,
    bounds: [0, 1],
    unit: 'points',
    // Alone a row does not tell where class 1 begins; `scoreAll` knows.
    score: () => 0,
    summary: (row) => {
      const { label, scores } = labelledScores(row, options)
      return [label, scores[0]!, likenessToProbabilities(scores)]
    },
    scoreAll: (summaries, first) => {
      const least = leastOfOne(first)
      return summaries.map(([label, score]) => ((label === 1 ? score! >= least : score! < least) ? 1 : 0))
    },
    answerAll: (summaries, first) => {
      const least = leastOfOne(first)
      return summaries.map(([, score]) =>
        Number.isNaN(score) ? NO_ANSWER : className(score! >= least ? 1 : 0, options.classNames),
      )
    },
  }
}

/** `balanced-accuracy` of such a model. */
export function balancedAccuracyOfTwo(options: ClassOptions = {}): Metric {
  const { aggregate } = balancedAccuracy()
  return {
    ...ofTwo(options),
    name: 'balanced-accuracy',
    strataApart: true,
    aggregate: (summaries) => aggregate!(summaries.map(([label, answer]) => [label!, label === answer ? 1 : 0])),
  }
}

/** `macro-f1` of such a model. */
export function macroF1OfTwo(options: ClassOptions = {}): Metric {
  return { ...ofTwo(options), name: 'macro-f1', aggregate: macroF1().aggregate! }
}

/** As `topOfTwo`, with the class that each row was answered with in the place of its score. */
function ofTwo(options: ClassOptions): Metric {
  return {
    ...topOfTwo(options),
    stratum: (summary) => summary[0]!,
    summarizeAll: (summaries, first) => {
      const least = leastOfOne(first)
      return summaries.map(([label, score]) => {
        const answer = Number.isNaN(score) ? Number.NaN : score! >= least ? 1 : 0
        // Read anew, a class is a probability of 0 or 1, and says the same.
        return [label!, answer, likenessToProbabilities([answer])]
      })
    },
  }
}

/** The least score that says class 1, for the labels (0 or 1) and the scores of all rows of a model. */
export const leastOfClass1 = (labels: ArrayLike<number>, scores: ArrayLike<number>): number =>
  leastOfOne(Array.from(scores, (score, i) => [labels[i]!, score, likenessToProbabilities([score])]))

/**
 * The least score that says class 1. Numbers beyond 0 to 1 may be logits, or of a regression on labels of 0 and 1: these
 * are nearer to the labels than the labels' mean is, which logits, centred on 0, are not.
 */
function leastOfOne(summaries: readonly (readonly number[])[]): number {
  const answered = summaries.filter(([, score]) => !Number.isNaN(score))
  if (areProbabilitiesTogether(answered.map(([, , said]) => said!))) return 0.5
  const mean = answered.reduce((sum, [label]) => sum + label!, 0) / answered.length
  const excess = answered.reduce((sum, [label, score]) => sum + (label! - score!) ** 2 - (label! - mean) ** 2, 0)
  return excess < 0 ? 0.5 : 0
}

/**
 * Whether the outputs of a row hold one floating number and no scores by class beside it. A state that is carried to the
 * next call, or features, score nothing.
 */
export function isOneScore(outputs: MetricRow['outputs']): boolean {
  const floats = Object.entries(outputs).filter(([, { dtype }]) => isFloating(dtype))
  return (
    floats.filter(([, { data }]) => data.length === 1).length === 1 &&
    !floats.some(([name, value]) => value.data.length > 1 && isClassLike(name, outputs))
  )
}
