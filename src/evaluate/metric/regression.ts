import { UserError } from '../../platform/index.ts'
import { numbersOf } from '../outputs/row-outputs.ts'
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

/**
 * Coefficient of determination, 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; of several numbers a row the mean of that of each, so that
 * none drowns another by its unit (as scikit-learn's `uniform_average`). Numbers whose labels are all equal have none;
 * NaN where there are no others.
 */
export function rSquared(options: RegressionOptions = {}): Metric {
  return {
    name: 'r2',
    higherIsBetter: true,
    rightOrWrong: false,
    score: (row) => -meanOver(row, options, (d) => d * d),
    // The label of each number and its squared error.
    summary: (row) => {
      const { truth, predicted } = pairOf(row, options)
      return truth.flatMap((y, i) => [y, (predicted[i]! - y) ** 2])
    },
    aggregate: (summaries) => {
      const determined: number[] = []
      for (let place = 0; place < summaries[0]!.length; place += 2) {
        const truth = summaries.map((row) => row[place]!)
        // Squares of the labels themselves would drown their spread.
        const mean = meanOf(truth)
        const total = truth.reduce((sum, y) => sum + (y - mean) ** 2, 0)
        if (total > 0) determined.push(1 - summaries.reduce((sum, row) => sum + row[place + 1]!, 0) / total)
      }
      return meanOf(determined)
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
  const truth = typeof label === 'number' ? [label] : typeof label === 'object' ? Array.from(label, Number) : null
  if (!truth || truth.some((value) => !Number.isFinite(value)))
    throw new UserError('bad-data', `the label of row ${row} is not a number`, {
      where: `row ${row}`,
      hint: 'a regression metric needs a number as the label of every row',
    })
  const fitting = outputsOfSize(outputs, truth.length).find(([name]) => output === undefined || name === output)
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

/** Outputs with as many numbers (or texts) as a label has; of several a metric of numbers reads the first. */
export const outputsOfSize = (outputs: MetricRow['outputs'], size: number) =>
  Object.entries(outputs).filter(([, { data }]) => data.length === size)

/** Reckoned from the first value on, so that the mean of equal values is that value. */
function meanOf(values: readonly number[]): number {
  const [first = Number.NaN] = values
  return first + values.reduce((sum, value) => sum + (value - first), 0) / values.length
}
