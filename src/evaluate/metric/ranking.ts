import { placements } from '../../statistics/index.ts'
import type { ClassOptions } from './classification.ts'
import { byItself, labelledScores } from './labelled-scores.ts'
import { type Levels, levelsOfDraws, orderOf } from './levels.ts'
import type { Metric, MetricRow } from './metric.ts'
import { areProbabilitiesTogether, likenessToProbabilities, logSumExp } from './probabilities.ts'
import { auroc, averagePrecision, equalErrorRate } from './ranked-scores.ts'

type Area = (levels: Levels) => number

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

type Summaries = readonly (readonly number[])[]

function ranking(name: string, area: Area, options: ClassOptions): Metric {
  const overDraws = (summaries: Summaries) => areaOfDraws(area, summaries)
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
    // The label, and what puts the rows in order for each class.
    summarizeAll: (summaries, first) => {
      // z − ln Σ eᶻ, the logarithm of the probability, puts rows in the same order as it; one score does so by itself.
      const areLogits = first[0]!.length > SCORES + 1 && !areProbabilitiesTogether(first.map((row) => row[SAID]!))
      return summaries.map((row) => [
        row[LABEL]!,
        ...row.slice(SCORES).map((score) => score - (areLogits ? row[TOTAL]! : 0)),
      ])
    },
    stratum: (row) => row[LABEL]!,
    parts: (summaries) => {
      const parts = new Array<number>(summaries.length).fill(0)
      for (const { scores, positive } of columnsOf(summaries))
        for (const [i, part] of placements(scores, positive).entries()) parts[i]! += part
      return parts
    },
    aggregate: (summaries) => overDraws(summaries)(Int32Array.from(summaries.keys())),
    overDraws,
  }
}

/** The scores that rank each class that occurs, and its rows: one of two classes says everything. */
function columnsOf(summaries: Summaries) {
  const classes = (summaries[0]?.length ?? 1) - 1
  const present = [...new Set(summaries.map((row) => row[LABEL]!))].sort((a, b) => a - b)
  // Where only one class occurs, nothing is put above anything.
  if (present.length < 2) return []
  return (classes <= 2 ? [1] : present).map((positive) => ({
    scores: summaries.map((row) => row[classes === 1 ? 1 : 1 + positive]!),
    positive: summaries.map((row) => row[LABEL] === positive),
  }))
}

/** The mean area of draws of these rows over the classes that were drawn: a bootstrap asks for thousands. */
function areaOfDraws(area: Area, summaries: Summaries): (rows: Int32Array) => number {
  if (summaries.some((row) => row.some(Number.isNaN))) return () => Number.NaN
  const orders = columnsOf(summaries).map(({ scores, positive }) => orderOf(scores, positive))
  const levelsOf = levelsOfDraws()
  const timesDrawn = new Int32Array(summaries.length)
  return (rows) => {
    timesDrawn.fill(0)
    for (const row of rows) timesDrawn[row]!++
    let [sum, drawn] = [0, 0]
    for (const order of orders) {
      const levels = levelsOf(order, timesDrawn)
      if (levels.allPositives === 0) continue
      sum += area(levels)
      drawn++
    }
    return sum / drawn
  }
}

function ownOf(row: MetricRow, options: ClassOptions): number {
  const { label, scores } = labelledScores(row, options)
  return byItself(scores)[label]!
}
