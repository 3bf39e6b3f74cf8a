import { grouped } from '../report/index.ts'
import type { Metric } from './metric/metric.ts'

/** A number of rows: `1 row`, `4,000 rows`. */
export const rowsOf = (n: number): string => `${grouped(n)} ${n === 1 ? 'row' : 'rows'}`

/** Three significant digits, no trailing zeros. */
export const short = (value: number): string => String(Number(value.toPrecision(3)))

/** An amount of the metric, as people say it: 0.02 of a rate is `2 points`. */
export function amountText(value: number, unit: Metric['unit']): string {
  if (unit !== 'points') return short(value)
  const points = short(value * 100)
  return `${points} ${points === '1' ? 'point' : 'points'}`
}

/** A value of the metric, a rate in per cent. */
export function valueText(value: number, unit: Metric['unit']): string {
  return unit === 'points' ? `${(value * 100).toFixed(2)} %` : short(value)
}
