import { UserError } from '../../platform/index.ts'
import { type ClassOptions, classIndex, classScoresOf } from './classification.ts'
import type { Metric, MetricRow } from './metric.ts'
import { areProbabilities, softmax } from './probabilities.ts'
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

function ranking(name: string, area: Area, options: ClassOptions): Metric {
  return {
    name,
    higherIsBetter: true,
    rightOrWrong: false,
    bounds: [0, 1],
    unit: 'points',
    score: (row) => ownOf(row, options),
    summary: (row) => {
      const { label, probabilities } = rankedRow(row, options)
      // Of two classes one says everything.
      return probabilities.length === 2 ? [label, probabilities[1]!] : [label, ...probabilities]
    },
    stratum: ([label]) => label!,
    aggregate: (summaries) => {
      if (summaries.length === 0) return Number.NaN
      const columns = summaries[0]!.length - 1
      const of = (place: number, positive: number) =>
        area(
          summaries.map((row) => row[place]!),
          summaries.map((row) => row[0] === positive),
        )
      if (summaries.some((row) => row.some((value) => Number.isNaN(value)))) return Number.NaN
      if (columns === 1) return of(1, 1)
      const present = new Set(summaries.map(([label]) => label!))
      const areas = [...present].map((label) => of(label + 1, label))
      return areas.reduce((sum, value) => sum + value, 0) / areas.length
    },
  }
}

function ownOf(row: MetricRow, options: ClassOptions): number {
  const { label, probabilities } = rankedRow(row, options)
  return probabilities[label]!
}

/** The label and class probabilities; one score alone is that of class 1. */
function rankedRow(row: MetricRow, options: ClassOptions) {
  const scores = classScoresOf(row, options)
  if (scores.length === 1) {
    const { label } = row
    if (label !== 0 && label !== 1)
      throw new UserError('bad-data', `the label ${JSON.stringify(row.label)} of row ${row.row} is neither 0 nor 1`, {
        where: `row ${row.row}`,
        hint: 'a model with one score tells class 1 from class 0',
      })
    const value = scores[0]!
    const p = value >= 0 && value <= 1 ? value : 1 / (1 + Math.exp(-value))
    return { label, probabilities: [1 - p, p] }
  }
  const probabilities = Array.from(areProbabilities(scores) ? scores : softmax(scores))
  return { label: classIndex(row, options), probabilities }
}
