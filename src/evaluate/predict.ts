import type { Column, Dataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { isFloating } from '../ir/index.ts'
import { measureBatchInvariance, sharedRunObstacle } from './batch-invariance.ts'
import { allFeeds, feedsOf, rowsPerRun } from './feeds/feeds.ts'
import { rowsInRun } from './feeds/fixed-rows.ts'
import { answerText } from './metric/classification.ts'
import { isClassLike } from './outputs/class-like.ts'
import { numbersOf, outputsByRow, type RowOutputs } from './outputs/row-outputs.ts'
import { requireOwnAnswers } from './rows-in-company.ts'

/** Answers to consecutive rows of a data set. */
export interface PredictedRows {
  /** Place of each row in the set. */
  readonly indices: readonly number[]
  readonly outputs: readonly RowOutputs[]
  /** Fields that name the rows, one value a row. */
  readonly ids: Readonly<Record<string, Column>>
}

/** What the name of the class that a row was answered with is called, where class names are known. */
const ANSWER = 'answer'

/**
 * A row's outputs, with the name of its top class behind them where one output alone has a score for each name, and
 * nothing else is called so.
 */
function withAnswer(outputs: RowOutputs, names: readonly string[]): RowOutputs {
  if (Object.hasOwn(outputs, ANSWER)) return outputs
  const scores = Object.entries(outputs).filter(
    ([name, value]) =>
      isClassLike(name, outputs) && isFloating(value.dtype) && numbersOf(value).length === names.length,
  )
  if (scores.length !== 1) return outputs
  return { ...outputs, [ANSWER]: { dtype: 'string', dims: [], data: [answerText(scores[0]![1], names)] } }
}

/**
 * The model's answers row by row, from row `from` on, in the order of the set; `batch` rows share a run. Nothing is
 * held but one batch. With `classNames`, by place, the outputs of a row may hold an `answer` besides.
 *
 * @throws UserError for rows that do not fit the model; the signal's reason where it is aborted.
 */
export async function* predictRows(
  session: Session,
  data: Dataset,
  {
    batch,
    from = 0,
    classNames,
    signal,
  }: {
    readonly batch: number
    readonly from?: number
    readonly classNames?: readonly string[] | undefined
    readonly signal?: AbortSignal
  },
): AsyncGenerator<PredictedRows> {
  const indices = from === 0 ? {} : { indices: Array.from({ length: data.rows - from }, (_, i) => from + i) }
  const names = data.fields.filter(({ role, rowShape }) => role === 'id' && rowShape.length === 0)
  for await (const rows of data.read({ batch, ...indices })) {
    signal?.throwIfAborted()
    const fetched = await session.run(feedsOf(rows, session.inputs, data))
    const ids = names.flatMap(({ name }) => (rows.columns[name] ? [[name, rows.columns[name]] as const] : []))
    const outputs = outputsByRow(fetched, rows.indices.length, rowsInRun(session.inputs, data, rows.indices.length))
    const taken = names.some(({ name }) => name === ANSWER)
    yield {
      indices: rows.indices,
      outputs: classNames && !taken ? outputs.map((row) => withAnswer(row, classNames)) : outputs,
      ids: Object.fromEntries(ids),
    }
  }
}

/** Rows that are run alone and among neighbours before they are run together. */
const TRIAL_ROWS = 4

/**
 * How many rows, `wanted` at most, may share a run so that each answer is the one it would get alone, and why it is
 * one where it is. Judged on the first rows of the data.
 *
 * @throws UserError `unsupported` for a model that takes exactly several rows at a time and answers them together.
 */
export async function safeBatch(
  session: Session,
  data: Dataset,
  wanted: number,
): Promise<{ readonly batch: number; readonly reason: string | null }> {
  const most = rowsPerRun(session.inputs, data, wanted)
  await requireOwnAnswers(session, data)
  if (most === 1 || data.rows < 2) return { batch: 1, reason: null }
  const indices = Array.from({ length: Math.min(TRIAL_ROWS, data.rows) }, (_, i) => i)
  const rows = await allFeeds(session, data, indices)
  if (rows.length < 2) return { batch: 1, reason: null }
  const { all, reason } = await measureBatchInvariance(session, rows)
  const apart = all
    ? await sharedRunObstacle(session, rows)
    : (reason ?? 'their answers depend on the rows beside them')
  return apart === null ? { batch: most, reason: null } : { batch: 1, reason: `rows are run one by one: ${apart}` }
}
