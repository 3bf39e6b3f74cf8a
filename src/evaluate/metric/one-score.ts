import { isClassLike } from '../row-outputs.ts'
import type { ClassOptions } from './classification.ts'
import { labelledScores } from './labelled-scores.ts'
import type { Metric, MetricRow } from './metric.ts'
import { areProbabilitiesTogether, likenessToProbabilities } from './probabilities.ts'

/**
 * `top1` of a model that scores class 1 of two with one number, labels being 0 and 1: the answer is 1 from a probability
 * of a half on, or from a logit of 0 where the scores are no probabilities, which all rows tell together. NaN is no
 * answer, and wrong.
 */
export function topOfTwo(options: ClassOptions = {}): Metric {
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
    scoreAll: (summaries) => {
      const answered = summaries.filter(([, score]) => !Number.isNaN(score))
      const least = areProbabilitiesTogether(answered.map(([, , said]) => said!)) ? 0.5 : 0
      return summaries.map(([label, score]) => ((label === 1 ? score! >= least : score! < least) ? 1 : 0))
    },
  }
}

/**
 * Whether the outputs of a row hold one floating number and no scores by class beside it. A state that is carried to the
 * next call, or features, score nothing.
 */
export function isOneScore(outputs: MetricRow['outputs']): boolean {
  const floats = Object.entries(outputs).filter(([, { dtype }]) => dtype.startsWith('float'))
  return (
    floats.filter(([, { data }]) => data.length === 1).length === 1 &&
    !floats.some(([name, value]) => value.data.length > 1 && isClassLike(name, value))
  )
}
