import { UserError } from '../platform/index.ts'
import type { Metric, MetricRow } from './metric.ts'
import { defaultMetric, type MetricOptions, metricNamed } from './metrics.ts'

/**
 * Gives the metric that was asked for, by name or as it is; where none was, the one that the first row with a label
 * calls for, and null until such a row came.
 *
 * @throws UserError for an unknown name, and for a label that fits none of the outputs.
 */
export function metricChoice(
  asked: string | Metric | undefined,
  options: MetricOptions,
): { of(row: MetricRow): Metric | null; readonly made: Metric | null } {
  let metric = (typeof asked === 'string' ? metricNamed(asked, options) : asked) ?? null
  return {
    of({ label, outputs }) {
      if (metric === null && label !== undefined) metric = defaultMetric(label, outputs, options)
      return metric
    },
    get made() {
      return metric
    },
  }
}

/** A row's score, and what the aggregate needs to know of the row. */
export interface RowScore {
  readonly score: number
  readonly summary: readonly number[]
}

/** @throws UserError where the metric throws or gives something else than one number. */
export function rowScore(metric: Metric, row: MetricRow): RowScore {
  const score = scoreOf(metric, row)
  return { score, summary: metric.summary ? metric.summary(row) : [score] }
}

function scoreOf(metric: Metric, row: MetricRow): number {
  let score: unknown
  try {
    score = metric.score(row)
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new UserError('bad-argument', `the metric "${metric.name}" failed on row ${row.row}: ${message}`, {
      where: `row ${row.row}`,
      hint: 'its score gets { outputs, label, row, fields }, the outputs of one row by name as { dtype, dims, data }',
      cause,
    })
  }
  if (typeof score === 'number') return score
  const shown = score === null ? 'null' : Array.isArray(score) ? `a list of ${score.length}` : typeof score
  throw new UserError('bad-argument', `the metric "${metric.name}" gave ${shown} for row ${row.row}, not one number`, {
    where: `row ${row.row}`,
    hint: 'a metric scores one row at a time: return one number',
  })
}
