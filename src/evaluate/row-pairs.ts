import type { Dataset, Rows } from '../data/index.ts'
import type { Fetched, Session } from '../engine/index.ts'
import { feedsOf, rowsPerRun } from './feeds/feeds.ts'
import { rowsInRun } from './feeds/fixed-rows.ts'
import type { MetricRow } from './metric/metric.ts'
import { namedAs } from './outputs/output-names.ts'
import { outputsByRow } from './outputs/row-outputs.ts'
import { fieldsOfRows } from './row-fields.ts'

/** One row as both models answered it; outputs are named alike. */
export interface RowPair {
  /** Its place in the set that was read; the rows themselves go by their place in the whole one. */
  readonly index: number
  readonly base: MetricRow
  readonly candidate: MetricRow
}

/** Rows that one run can hold in both models, `wanted` at most. */
export function rowsPerPair(base: Session, candidate: Session, data: Dataset, wanted: number): number {
  return Math.min(...[base, candidate].map(({ inputs }) => rowsPerRun(inputs, data, wanted)))
}

/**
 * Runs both models over the rows, `batch` at a time, the next batch while the consumer looks at the one before (or the
 * next ones, where a session runs several at a time): runs are what takes long, and they happen elsewhere. Outputs are views of the batch, whose memory goes back to the sessions before
 * another is run: what is to last longer is copied. No run is under way any more when this ends, however it ends.
 *
 * @throws UserError for rows that do not fit a model, and models whose outputs differ.
 */
export async function* rowPairs(
  base: Session,
  candidate: Session,
  data: Dataset,
  options: {
    readonly batch: number
    readonly labelField: string | null
    readonly indices?: readonly number[] | undefined
    readonly signal?: AbortSignal | undefined
  },
): AsyncGenerator<{ readonly rows: Rows; readonly pairs: readonly RowPair[] }> {
  const { batch, labelField, indices, signal } = options
  const asBase = namedAs(base, candidate)
  const inRun = [base, candidate].map(
    ({ inputs }) =>
      (rows: number) =>
        rowsInRun(inputs, data, rows),
  )
  const giveBack = ([first, second]: Answers) => {
    base.giveBack?.(first)
    candidate.giveBack?.(second)
  }
  const atATime = Math.max(base.atATime ?? 1, candidate.atATime ?? 1)
  const running: Promise<Answered>[] = []
  const next = async () => {
    const answers = await running[0]!
    running.shift()
    return answers
  }
  const seen = (before: Answered) => ({ rows: before.rows, pairs: pairsOf(before, asBase, labelField, inRun) })
  try {
    for await (const rows of data.read({ batch, indices })) {
      signal?.throwIfAborted()
      const before = running.length === atATime ? await next() : null
      const answers = answered(base, candidate, rows, data)
      // Whoever waits for it hears of its failure; until then somebody must have.
      answers.catch(() => {})
      running.push(answers)
      if (!before) continue
      yield seen(before)
      giveBack(before.answers)
    }
    while (running.length > 0) {
      const last = await next()
      yield seen(last)
      giveBack(last.answers)
    }
  } finally {
    await Promise.allSettled(running)
  }
}

type Answers = readonly [base: Fetched, candidate: Fetched]

interface Answered {
  readonly rows: Rows
  readonly answers: Answers
}

const answered = async (base: Session, candidate: Session, rows: Rows, data: Dataset): Promise<Answered> => ({
  rows,
  answers: await runBoth(base, candidate, rows, data),
})

function pairsOf(
  { rows, answers: [first, second] }: Answered,
  asBase: (fetched: Fetched) => Fetched,
  labelField: string | null,
  inRun: readonly ((rows: number) => number)[],
): readonly RowPair[] {
  const count = rows.indices.length
  const ofBase = outputsByRow(first, count, inRun[0]!(count))
  const ofCandidate = outputsByRow(asBase(second), count, inRun[1]!(count))
  const fields = fieldsOfRows(rows)
  return rows.indices.map((index, i) => {
    const row = (rows.places ?? rows.indices)[i]!
    const label = labelField === null ? undefined : fields[i]![labelField]
    const common = { row, fields: fields[i]!, ...(label === undefined ? {} : { label }) }
    return { index, base: { ...common, outputs: ofBase[i]! }, candidate: { ...common, outputs: ofCandidate[i]! } }
  })
}

/** Both models on the same rows, side by side where they live in processes of their own. */
async function runBoth(base: Session, candidate: Session, rows: Rows, data: Dataset): Promise<Answers> {
  const feeds = feedsOf(rows, base.inputs, data)
  const others = feedsOf(rows, candidate.inputs, data)
  if (base === candidate) return [await base.run(feeds), await candidate.run(others)]
  const runs = [base.run(feeds), candidate.run(others)] as const
  // Where one fails, the other is still under way.
  await Promise.allSettled(runs)
  return Promise.all(runs)
}
