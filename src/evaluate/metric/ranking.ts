import { placements } from '../../statistics/index.ts'
import type { ClassOptions } from './classification.ts'
import { byItself, labelledScores } from './labelled-scores.ts'
import type { Metric, MetricRow } from './metric.ts'
import { areProbabilitiesTogether, likenessToProbabilities, logSumExp } from './probabilities.ts'
import { auroc, averagePrecision, equalErrorRate } from './ranked-scores.ts'

type Area = (scores: readonly number[], positive: readonly boolean[]) => number

/**
 * Area under the ROC curve of the positive class (1 of two, or the only score); with more classes the mean over those
 * that occur, each against the rest. A row's own score is the probability of its true class.
 */
export const areaUnderRoc = (options: ClassOptions = {}): Metric => ranking('auroc', auroc, options)

/** Average precision of the positive class, or the mean over classes; see `areaUnderRoc`. */
export const areaUnderPrecisionRecall = (options: ClassOptions = {}): Metric =>
  ranking('aupr', averagePrecision, options)

/** The error rate where misses are as frequent as false alarms, as in speaker verification. Lower is better. */
export function equalError(options: ClassOptions = {}): Metric {
  return { ...ranking('eer', equalErrorRate, options), higherIsBetter: false, score: (row) => 1 - ownOf(row, options) }
}

/** Places in a summary: the label, what the row says of its scores, ln Σ e^score, and the scores. */
const [LABEL, SAID, TOTAL, SCORES] = [0, 1, 2, 3]

function ranking(name: string, area: Area, options: ClassOptions): Metric {
  /** What puts the rows in order for each class that is ranked: one of two classes says everything. */
  const columnsOf = (summaries: readonly (readonly number[])[]) => {
    const classes = summaries[0]!.length - SCORES
    const present = new Set(summaries.map((row) => row[LABEL]!))
    // Where only one class occurs, nothing is put above anything.
    if (present.size < 2) return []
    // z − ln Σ eᶻ, the logarithm of the probability, puts rows in the same order as it.
    const areLogits = classes > 1 && !areProbabilitiesTogether(summaries.map((row) => row[SAID]!))
    return (classes <= 2 ? [1] : [...present]).map((positive) => ({
      scores: summaries.map((row) => row[SCORES + (classes === 1 ? 0 : positive)]! - (areLogits ? row[TOTAL]! : 0)),
      positive: summaries.map((row) => row[LABEL] === positive),
    }))
  }
  return {
    name,
    higherIsBetter: true,
    rightOrWrong: false,
    bounds: [0, 1],
    unit: 'points',
    score: (row) => ownOf(row, options),
    summary: (row) => {
      const { label, scores } = labelledScores(row, options)
      return [label, likenessToProbabilities(scores), logSumExp(scores), ...Array.from(scores)]
    },
    stratum: (row) => row[LABEL]!,
    parts: (summaries) => {
      const parts = new Array<number>(summaries.length).fill(0)
      for (const { scores, positive } of columnsOf(summaries))
        for (const [i, part] of placements(scores, positive).entries()) parts[i]! += part
      return parts
    },
    aggregate: (summaries) => {
      if (summaries.length === 0 || summaries.some((row) => row.some((value) => Number.isNaN(value)))) return Number.NaN
      const areas = columnsOf(summaries).map(({ scores, positive }) => area(scores, positive))
      return areas.reduce((sum, value) => sum + value, 0) / areas.length
    },
  }
}

function ownOf(row: MetricRow, options: ClassOptions): number {
  const { label, scores } = labelledScores(row, options)
  return byItself(scores)[label]!
}
