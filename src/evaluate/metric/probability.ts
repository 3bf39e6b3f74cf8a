import { type Confidences, expectedCalibrationError, riskCoverageArea } from './calibration-error.ts'
import { type ClassOptions, classIndex, classScoresOf } from './classification.ts'
import type { Metric, MetricRow } from './metric.ts'
import { areProbabilities, brierScore, logLoss, softmax } from './probabilities.ts'

/** Mean squared error of the class probabilities, summed over classes: 0 to 2. Lower is better. */
export function brier(options: ClassOptions = {}): Metric {
  return {
    name: 'brier',
    higherIsBetter: false,
    rightOrWrong: false,
    bounds: [0, 2],
    score: (row) => brierScore(probabilitiesOf(row, options), classIndex(row, options)),
  }
}

/** Mean negative logarithm of the probability of the true class (log-loss), in nats. Lower is better. */
export function negativeLogLikelihood(options: ClassOptions = {}): Metric {
  return {
    name: 'nll',
    higherIsBetter: false,
    rightOrWrong: false,
    score: (row) => logLoss(probabilitiesOf(row, options), classIndex(row, options)),
  }
}

/**
 * Expected calibration error, 15 bins of equal width. Lower is better. A row's own score is how far its confidence is
 * from its being right; the bins need all rows.
 */
export const calibrationError = (options: ClassOptions = {}): Metric =>
  ofConfidences('ece', expectedCalibrationError, options)

/**
 * Area under the risk-coverage curve: whether the model knows when it is wrong. Lower is better. A row's own score is how
 * far its confidence is from its being right.
 */
export const riskCoverage = (options: ClassOptions = {}): Metric => ofConfidences('aurc', riskCoverageArea, options)

function ofConfidences(name: string, over: (rows: Confidences) => number, options: ClassOptions): Metric {
  const of = (row: MetricRow): readonly [number, number] => {
    const probabilities = probabilitiesOf(row, options)
    let top = 0
    for (let c = 1; c < probabilities.length; c++) if (probabilities[c]! > probabilities[top]!) top = c
    return [probabilities[top]!, top === classIndex(row, options) ? 1 : 0]
  }
  return {
    name,
    higherIsBetter: false,
    rightOrWrong: false,
    bounds: [0, 1],
    score: (row) => {
      const [confidence, right] = of(row)
      return Math.abs(confidence - right)
    },
    summary: of,
    aggregate: (summaries) =>
      summaries.some(([confidence]) => Number.isNaN(confidence!))
        ? Number.NaN
        : over({
            confidence: summaries.map(([confidence]) => confidence!),
            right: summaries.map(([, right]) => right === 1),
          }),
  }
}

/** Class probabilities; one score alone is that of class 1. */
function probabilitiesOf(row: MetricRow, options: ClassOptions): ArrayLike<number> {
  const scores = classScoresOf(row, options)
  if (scores.length === 1) {
    const value = scores[0]!
    const p = value >= 0 && value <= 1 ? value : 1 / (1 + Math.exp(-value))
    return [1 - p, p]
  }
  return areProbabilities(scores) ? scores : softmax(scores)
}
