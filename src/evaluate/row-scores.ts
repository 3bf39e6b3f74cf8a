import type { Dataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { areBinaryLabels } from './binary-labels.ts'
import { checkedMetric } from './metric/checked-metric.ts'
import { perplexity, tokenScoresName } from './metric/language.ts'
import type { Metric, MetricRow } from './metric/metric.ts'
import { defaultMetric, type MetricOptions, metricNamed } from './metric/metrics.ts'
import { isOneScore, topOfTwo } from './metric/one-score.ts'

/** The metric of a run: the one that was asked for, or what the first row with a label calls for. */
export interface MetricChoice {
  /** Null until a row with a label came, where no metric was asked for. */
  of(row: MetricRow): Metric | null
  readonly made: Metric | null
}

/**
 * Chooses the metric, by name or as it is; where none was asked for, by the labels. Next tokens of a text call for
 * `perplexity`, and for none where the model does not score tokens: they are no truth about what else it gives.
 *
 * @throws UserError for an unknown name. `of` throws one for a label that fits none of the outputs, and where the metric
 * breaks its word.
 */
export async function metricChoice(
  asked: string | Metric | undefined,
  options: MetricOptions,
  {
    session,
    data,
    labelField,
  }: { readonly session: Session; readonly data: Dataset; readonly labelField: string | null },
): Promise<MetricChoice> {
  const binary = asked === undefined && labelField !== null && (await areBinaryLabels(session, data, labelField))
  const nextTokens = data.fields.find(({ name }) => name === labelField)?.nextTokens
  const named = typeof asked === 'string' ? metricNamed(asked, options) : asked
  let metric: Metric | null = null
  const choose = ({ label, outputs, row }: MetricRow): Metric | null => {
    if (asked === 'top1' && isOneScore(outputs)) return topOfTwo(options)
    if (named !== undefined) return named
    if (label === undefined) return null
    if (nextTokens === undefined) return defaultMetric(label, outputs, options, row, binary)
    const output = tokenScoresName(outputs, label, nextTokens)
    return output === null ? null : perplexity({ output, ...options })
  }
  return {
    of(row) {
      if (metric === null) {
        const chosen = choose(row)
        metric = chosen && checkedMetric(chosen)
      }
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
  const score = metric.score(row)
  return { score, summary: metric.summary ? metric.summary(row) : [score] }
}
