import { UserError } from '../../platform/index.ts'
import { numbersOf } from '../row-outputs.ts'
import type { Metric, MetricRow } from './metric.ts'

export interface RegressionOptions {
  /** The output that holds the prediction; the first with as many numbers as the label where omitted. */
  readonly output?: string
}

/** Mean absolute error, over the numbers of a row and then over rows. Lower is better. */
export function meanAbsoluteError(options: RegressionOptions = {}): Metric {
  return {
    name: 'mae',
    higherIsBetter: false,
    rightOrWrong: false,
    score: (row) => meanOver(row, options, (d) => Math.abs(d)),
  }
}

/** Root of the mean squared error over rows. Lower is better. */
export function rootMeanSquaredError(options: RegressionOptions = {}): Metric {
  return {
    name: 'rmse',
    higherIsBetter: false,
    rightOrWrong: false,
    score: (row) => meanOver(row, options, (d) => d * d),
    aggregate: (summaries) => Math.sqrt(summaries.reduce((sum, [square]) => sum + square!, 0) / summaries.length),
  }
}

/** Coefficient of determination, 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; NaN where all labels are equal. */
export function rSquared(options: RegressionOptions = {}): Metric {
  return {
    name: 'r2',
    higherIsBetter: true,
    rightOrWrong: false,
    score: (row) => -meanOver(row, options, (d) => d * d),
    // Squared error, mean of the labels, and their spread about it: squares of the labels themselves would drown it.
    summary: (row) => {
      const { truth } = pairOf(row, options)
      const mean = meanOf(truth)
      return [meanOver(row, options, (d) => d * d), mean, meanOf(truth.map((y) => (y - mean) ** 2))]
    },
    aggregate: (summaries) => {
      const mean = meanOf(summaries.map(([, y]) => y!))
      const total = summaries.reduce((sum, [, y, spread]) => sum + spread! + (y! - mean) ** 2, 0)
      return total > 0 ? 1 - summaries.reduce((sum, [square]) => sum + square!, 0) / total : Number.NaN
    },
  }
}

function meanOver(row: MetricRow, options: RegressionOptions, loss: (difference: number) => number): number {
  const { truth, predicted } = pairOf(row, options)
  let sum = 0
  for (let i = 0; i < truth.length; i++) sum += loss(predicted[i]! - truth[i]!)
  return sum / truth.length
}

function pairOf({ outputs, label, row }: MetricRow, { output }: RegressionOptions) {
  const truth =
    typeof label === 'number'
      ? [label]
      : typeof label === 'object'
        ? Array.from(label as ArrayLike<number | bigint>, Number)
        : null
  if (!truth || truth.some((value) => !Number.isFinite(value)))
    throw new UserError('bad-data', `the label of row ${row} is not a number`, {
      where: `row ${row}`,
      hint: 'a regression metric needs a number as the label of every row',
    })
  const fitting = Object.entries(outputs).find(
    ([name, value]) => (output === undefined || name === output) && value.data.length === truth.length,
  )
  if (!fitting || fitting[1].dtype === 'string')
    throw new UserError(
      'bad-data',
      `no output of the model has ${truth.length} number(s), as the label of row ${row}`,
      {
        where: output ?? Object.keys(outputs).join(', '),
        hint: 'name another metric, or write one: --metric ./metric.mjs',
      },
    )
  return { truth, predicted: numbersOf(fitting[1]) }
}

/** Reckoned from the first value on, so that the mean of equal values is that value. */
function meanOf(values: readonly number[]): number {
  const [first = Number.NaN] = values
  return first + values.reduce((sum, value) => sum + (value - first), 0) / values.length
}
