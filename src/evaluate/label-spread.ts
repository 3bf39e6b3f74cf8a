import type { LabelSpread } from '../report/index.ts'
import type { RowLabel } from './metric/metric.ts'

/**
 * Mean and standard deviation of all numbers of the labels, one row after another (Welford 1962): no label is kept.
 * `result` is null where there was a label that is no number, or none at all.
 */
export function labelSpread() {
  let [count, mean, squares] = [0, 0, 0]
  return {
    add(label: RowLabel | undefined) {
      for (const value of typeof label === 'object' ? label : [label]) {
        const number = typeof value === 'string' ? Number.NaN : Number(value)
        const difference = number - mean
        mean += difference / ++count
        squares += difference * (number - mean)
      }
    },
    result: (): LabelSpread | null =>
      Number.isFinite(squares) && count > 0 ? { mean, deviation: Math.sqrt(squares / count) } : null,
  }
}
