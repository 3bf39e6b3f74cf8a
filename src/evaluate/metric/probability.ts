import { flattery } from './calibration-bias.ts'
import { type Confidences, expectedCalibrationError, riskCoverageArea } from './calibration-error.ts'
import type { ClassOptions } from './classification.ts'
import { asProbabilities, byItself, fromLogits, labelledScores } from './labelled-scores.ts'
import type { Metric } from './metric.ts'
import { areProbabilitiesTogether, brierScore, likenessToProbabilities, logLoss, topOf } from './probabilities.ts'

/** Mean squared error of the class probabilities, summed over classes: 0 to 2. Lower is better. */
export const brier = (options: ClassOptions = {}): Metric => ({
  ...meanLoss('brier', brierScore, options),
  bounds: [0, 2],
})

/** Mean negative logarithm of the probability of the true class (log-loss), in nats. Lower is better. */
export const negativeLogLikelihood = (options: ClassOptions = {}): Metric => meanLoss('nll', logLoss, options)

/**
 * Expected calibration error, 15 bins of equal width. Lower is better. A row's own score is how far its confidence is
 * from its being right; the bins need all rows.
 */
export const calibrationError = (options: ClassOptions = {}): Metric => ({
  ...ofConfidences('ece', expectedCalibrationError, options),
  flattery: (first, other) =>
    hasGap(first) || hasGap(other) ? NO_FLATTERY : flattery(confidencesIn(first), confidencesIn(other)),
})

/**
 * Area under the risk-coverage curve: whether the model knows when it is wrong. Lower is better. A row's own score is how
 * far its confidence is from its being right.
 */
export const riskCoverage = (options: ClassOptions = {}): Metric => ofConfidences('aurc', riskCoverageArea, options)

type Loss = (probabilities: ArrayLike<number>, label: number) => number

/** A summary holds what the row says of its scores, and the loss of them as probabilities and as logits; of all, the loss. */
function meanLoss(name: string, loss: Loss, options: ClassOptions): Metric {
  return {
    name,
    higherIsBetter: false,
    rightOrWrong: false,
    score: (row) => {
      const { label, scores } = labelledScores(row, options)
      return loss(byItself(scores), label)
    },
    summary: (row) => {
      const { label, scores } = labelledScores(row, options)
      return [likenessToProbabilities(scores), loss(asProbabilities(scores), label), loss(fromLogits(scores), label)]
    },
    summarizeAll: (summaries, first) => {
      const place = areProbabilitiesTogether(first.map(([said]) => said!)) ? 1 : 2
      return summaries.map((row) => [row[place]!])
    },
    aggregate: (summaries) => summaries.reduce((sum, [one]) => sum + one!, 0) / summaries.length,
  }
}

/**
 * A summary holds what the row says of its scores, and confidence and rightness by them as probabilities and as logits;
 * of all, confidence and rightness.
 */
function ofConfidences(name: string, over: (rows: Confidences) => number, options: ClassOptions): Metric {
  const rightIn = (probabilities: ArrayLike<number>, label: number): readonly [confidence: number, right: number] => {
    const { top, confidence } = topOf(probabilities)
    return [confidence, top === label ? 1 : 0]
  }
  return {
    name,
    higherIsBetter: false,
    rightOrWrong: false,
    bounds: [0, 1],
    score: (row) => {
      const { label, scores } = labelledScores(row, options)
      const [confidence, right] = rightIn(byItself(scores), label)
      return Math.abs(confidence - right)
    },
    summary: (row) => {
      const { label, scores } = labelledScores(row, options)
      return [
        likenessToProbabilities(scores),
        ...rightIn(asProbabilities(scores), label),
        ...rightIn(fromLogits(scores), label),
      ]
    },
    summarizeAll: (summaries, first) => {
      const place = areProbabilitiesTogether(first.map(([said]) => said!)) ? 1 : 3
      return summaries.map((row) => [row[place]!, row[place + 1]!])
    },
    // Confidence moves a little with every rounding; what a few rows cannot show is one more wrong answer.
    parts: (summaries) => summaries.map(([, right]) => right!),
    aggregate: (summaries) => (hasGap(summaries) ? Number.NaN : over(confidencesIn(summaries))),
  }
}

/** Of rows without a number nothing is settled. */
const NO_FLATTERY = { by: 0, error: 0 }

type Summaries = readonly (readonly number[])[]

const hasGap = (summaries: Summaries) => summaries.some(([confidence]) => Number.isNaN(confidence))

const confidencesIn = (summaries: Summaries): Confidences => ({
  confidence: summaries.map(([confidence]) => confidence!),
  right: summaries.map(([, right]) => right === 1),
})
