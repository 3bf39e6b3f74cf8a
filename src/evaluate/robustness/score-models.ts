import type { Dataset, Rows } from '../../data/index.ts'
import type { Session } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import type { RowScores } from '../../report/index.ts'
import { feedsOf, rowsPerRun } from '../feeds/feeds.ts'
import { rowsInRun } from '../feeds/fixed-rows.ts'
import { classOutputName } from '../metric/classification.ts'
import type { Company, Metric, MetricRow } from '../metric/metric.ts'
import type { MetricOptions } from '../metric/metrics.ts'
import { namedAs } from '../outputs/output-names.ts'
import { outputsByRow, topAnswer } from '../outputs/row-outputs.ts'
import { fieldsOfRows } from '../row-fields.ts'
import { metricChoice, rowScore } from '../row-scores.ts'
import { requireOwnAnswers } from '../rows-in-company.ts'

interface ScoreModelsOptions {
  readonly metric?: string | Metric | undefined
  readonly metricOptions: MetricOptions
  /** Null where there are no labels: then only answers are kept, unless the metric asks for none. */
  readonly labelField: string | null
  readonly indices?: readonly number[] | undefined
  readonly onRow?: ((done: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Scores and answers of every row by several models, one row a run. The next row is made while the models answer, each
 * in its own process; outputs are let go at once.
 *
 * @throws UserError for rows that do not fit a model, and a metric that throws or returns no number.
 */
export async function scoreModels(
  sessions: readonly Session[],
  data: Dataset,
  options: ScoreModelsOptions,
): Promise<RowScores> {
  for (const session of sessions) await requireOwnAnswers(session, data)
  const batch = Math.min(...sessions.map((session) => rowsPerRun(session.inputs, data, 1)))
  const asFirst = sessions.map((session) => namedAs(sessions[0]!, session))
  const choice = await metricChoice(options.metric, options.metricOptions, { ...options, session: sessions[0]!, data })
  const rows: number[] = []
  const kept = sessions.map(nothingKept)
  const reader = data.read({ batch, indices: options.indices })[Symbol.asyncIterator]()
  let next = await reader.next()
  while (!next.done) {
    options.signal?.throwIfAborted()
    const piece: Rows = next.value
    const running = sessions.map((session) => session.run(feedsOf(piece, session.inputs, data)))
    const [answered, after] = await Promise.all([Promise.all(running), reader.next()])
    next = after
    const fields = fieldsOfRows(piece)
    const count = piece.indices.length
    for (const [i, row] of piece.indices.entries()) {
      const label = options.labelField === null ? undefined : fields[i]![options.labelField]
      rows.push(row)
      for (const [m, fetched] of answered.entries()) {
        const outputs = outputsByRow(asFirst[m]!(fetched), count, rowsInRun(sessions[m]!.inputs, data, count))[i]!
        const seen: MetricRow = { row, fields: fields[i]!, outputs, ...(label === undefined ? {} : { label }) }
        keepRow(kept[m]!, choice.of(seen), seen)
      }
    }
    options.onRow?.(rows.length)
  }
  const metric = choice.made
  if (metric) scoreTogether(metric, kept)
  if (rows.length === 0)
    throw new UserError('bad-data', 'there are no rows', { where: data.path, hint: 'give data with at least one row' })
  return {
    kind: 'row-scores',
    version: 1,
    metric: metric ? { name: metric.name, higherIsBetter: metric.higherIsBetter } : null,
    rows,
    models: kept.map(({ scores, summaries, answers, company }) => ({
      scores,
      summaries: summaries.length > 0 ? summaries : null,
      answers: answers.every((answer) => answer !== null) ? answers : null,
      company,
    })),
  }
}

/** What is kept of a model, row by row. */
interface Kept {
  scores: (number | null)[]
  summaries: (number | null)[][]
  readonly answers: (string | null)[]
  company: readonly Company[] | null
}

const nothingKept = (): Kept => ({ scores: [], summaries: [], answers: [], company: null })

function keepRow(kept: Kept, metric: Metric | null, seen: MetricRow): void {
  if (metric) {
    const { score, summary } = rowScore(metric, seen)
    kept.scores.push(finite(score))
    if (metric.aggregate || metric.scoreAll) kept.summaries.push(summary.map(finite))
  }
  kept.answers.push(answerOf(metric, seen))
}

/** Scores and summaries of a metric that sees all rows at once; those of the first model are its yardstick. */
function scoreTogether(metric: Metric, kept: readonly Kept[]): void {
  if (!metric.scoreAll && !metric.summarizeAll) return
  const all = kept.map(({ summaries }) => summaries.map((row) => row.map((value) => value ?? Number.NaN)))
  for (const [m, model] of kept.entries()) {
    model.company = metric.company?.(all[m]!) ?? null
    if (metric.scoreAll) model.scores = metric.scoreAll(all[m]!, all[0]!).map(finite)
    model.summaries = (metric.summarizeAll?.(all[m]!, all[0]!) ?? []).map((row) => row.map(finite))
  }
}

const finite = (value: number) => (Number.isFinite(value) ? value : null)

function answerOf(metric: Metric | null, seen: MetricRow): string | null {
  if (metric?.answer && seen.label !== undefined) return metric.answer(seen)
  const name = classOutputName(seen.outputs)
  return name === null ? null : String(topAnswer(seen.outputs[name]!) ?? 'none')
}
