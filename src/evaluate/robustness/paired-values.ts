import type { RobustnessChange, RowScores } from '../../report/index.ts'
import { meanAt } from '../../statistics/index.ts'
import { judge } from '../judge/judge.ts'
import { type Addition, pairedScores, type ScoredModel } from '../judge/paired-scores.ts'
import type { Metric } from '../metric/metric.ts'

/** What turns row scores into values of a metric, and two models' scores into a change. */
export interface Yardstick extends Addition {
  readonly name: string
  readonly rightOrWrong: boolean
}

/** Right where the answer is the model's own to the untouched row: what can be asked without labels. */
export const SAME_ANSWER: Yardstick = {
  name: 'same-answer',
  higherIsBetter: true,
  rightOrWrong: true,
  bounds: [0, 1],
}

/** Scores of one model: NaN where there is none. */
export interface ModelScores extends ScoredModel {
  readonly scores: Float64Array
}

/** How a metric judges rows; whether it counts right answers is seen from its scores where it does not say. */
export function yardstickOf(metric: Metric, clean: RowScores): Yardstick {
  const zeroOrOne = clean.models.every(({ scores }) =>
    scores.every((score) => score === null || score === 0 || score === 1),
  )
  return {
    name: metric.name,
    higherIsBetter: metric.higherIsBetter,
    rightOrWrong: metric.rightOrWrong ?? (!metric.aggregate && zeroOrOne),
    ...(metric.bounds ? { bounds: metric.bounds } : {}),
    ...(metric.range ? { range: metric.range } : {}),
    ...(metric.aggregate ? { aggregate: metric.aggregate } : {}),
    ...(metric.overDraws ? { overDraws: metric.overDraws } : {}),
    ...(metric.parts ? { parts: metric.parts } : {}),
    ...(metric.pieces ? { pieces: metric.pieces } : {}),
    ...(metric.flattery ? { flattery: metric.flattery } : {}),
    ...(metric.stratum ? { stratum: metric.stratum } : {}),
    ...(metric.strataApart ? { strataApart: metric.strataApart } : {}),
  }
}

/** The scores of every model, by the metric or, without labels, by sameness with the clean answers. */
export function scoresOf(cell: RowScores, clean: RowScores, yardstick: Yardstick): readonly ModelScores[] {
  return cell.models.map((model, m) => {
    if (yardstick === SAME_ANSWER) {
      const before = clean.models[m]!.answers
      const after = model.answers
      return {
        scores: Float64Array.from(cell.rows, (_, i) =>
          before && after ? (before[i] === after[i] ? 1 : 0) : Number.NaN,
        ),
        summaries: null,
      }
    }
    return {
      scores: Float64Array.from(model.scores, (score) => score ?? Number.NaN),
      summaries: model.summaries?.map((row) => row.map((value) => value ?? Number.NaN)) ?? null,
      company: model.company,
    }
  })
}

/** The metric over all rows that have a score; null where none has, or where it is undefined. */
export function metricOver({ scores, summaries }: ModelScores, { aggregate }: Yardstick): number | null {
  const rows = Array.from(scores.keys()).filter((row) => !Number.isNaN(scores[row]!))
  if (rows.length === 0) return null
  const value = aggregate && summaries ? aggregate(rows.map((row) => summaries[row]!)) : meanAt(scores, rows)
  return Number.isFinite(value) ? value : null
}

/** What a difference to the first model is judged by: a margin in units of the metric, and a two-sided level. */
export interface ChangeOptions {
  readonly margin: number
  readonly alpha: number
  readonly seed: number
}

/** Rows that the first model scores and the other does not: their places. */
export const lostRows = (base: Float64Array, other: Float64Array): readonly number[] =>
  [...base.keys()].filter((row) => !Number.isNaN(base[row]!) && Number.isNaN(other[row]!))

/**
 * A model against the first on the rows that both score; null where there are none. Above 0 is better. Where the other
 * gives no score on a row on which the first does, it has regressed: no margin covers an answer that is no number.
 */
export function changeOf(
  base: ModelScores,
  other: ModelScores,
  yardstick: Yardstick,
  options: ChangeOptions,
): RobustnessChange | null {
  const rows = Array.from(base.scores.keys()).filter(
    (row) => !Number.isNaN(base.scores[row]!) && !Number.isNaN(other.scores[row]!),
  )
  if (rows.length === 0) return null
  const lost = lostRows(base.scores, other.scores).length > 0
  const counted = yardstick.rightOrWrong && !yardstick.aggregate
  const judgement = judge(pairedScores(base, other, rows, yardstick, counted), { ...options, resamples: 1000 })
  const ci = judgement.nonInferiority?.ci ?? [judgement.lowerBound, judgement.upperBound]
  return Number.isFinite(judgement.delta) && ci.every(Number.isFinite)
    ? { delta: judgement.delta, ci: [ci[0], ci[1]], verdict: lost ? 'regressed' : judgement.verdict }
    : null
}
