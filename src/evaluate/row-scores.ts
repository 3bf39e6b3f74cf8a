import { checkedMetric } from './metric/checked-metric.ts'
import type { Metric, MetricRow } from './metric/metric.ts'
import { defaultMetric, type MetricOptions, metricNamed } from './metric/metrics.ts'

/**
 * Gives the metric that was asked for, by name or as it is; where none was, the one that the first row with a label
 * calls for, and null until such a row came.
 *
 * @throws UserError for an unknown name, for a label that fits none of the outputs, and where the metric breaks its word.
 */
export function metricChoice(
  asked: string | Metric | undefined,
  options: MetricOptions,
): { of(row: MetricRow): Metric | null; readonly made: Metric | null } {
  let metric = asked === undefined ? null : checkedMetric(metricOf(asked, options))
  return {
    of({ label, outputs, row }) {
      if (metric === null && label !== undefined) metric = checkedMetric(defaultMetric(label, outputs, options, row))
      return metric
    },
    get made() {
      return metric
    },
  }
}

const metricOf = (asked: string | Metric, options: MetricOptions): Metric =>
  typeof asked === 'string' ? metricNamed(asked, options) : asked

/** A row's score, and what the aggregate needs to know of the row. */
export interface RowScore {
  readonly score: number
  readonly summary: readonly number[]
}

/** @throws UserError where the metric throws or gives something else than one number. */
export function rowScore(metric: Metric, row: MetricRow): RowScore {
  const score = metric.score(row)
  return { score, summary: metric.summary ? metric.summary(row) : [score] }
}
