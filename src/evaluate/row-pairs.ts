import type { Dataset, Rows } from '../data/index.ts'
import type { Fetched, Session } from '../engine/index.ts'
import { feedsOf, rowsPerRun } from './feeds.ts'
import type { MetricRow } from './metric.ts'
import { namedAs } from './output-names.ts'
import { fieldsOfRows } from './row-fields.ts'
import { splitRows } from './row-outputs.ts'

/** One row as both models answered it; outputs are named alike. */
export interface RowPair {
  readonly base: MetricRow
  readonly candidate: MetricRow
}

/** Rows that one run can hold in both models, `wanted` at most. */
export function rowsPerPair(base: Session, candidate: Session, data: Dataset, wanted: number): number {
  return Math.min(...[base, candidate].map(({ inputs }) => rowsPerRun(inputs, data, wanted)))
}

/**
 * Runs both models over the rows, `batch` at a time. Outputs are views of the batch, whose memory goes back to the sessions
 * before the next one: what is to last longer is copied.
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
    readonly indices?: readonly number[]
    readonly signal?: AbortSignal
  },
): AsyncGenerator<{ readonly rows: Rows; readonly pairs: readonly RowPair[] }> {
  const { batch, labelField, indices, signal } = options
  const asBase = namedAs(base, candidate)
  for await (const rows of data.read({ batch, ...(indices ? { indices } : {}) })) {
    signal?.throwIfAborted()
    const count = rows.indices.length
    const [first, second] = await runBoth(base, candidate, rows, data)
    const ofBase = splitRows(first, count)
    const ofCandidate = splitRows(asBase(second), count)
    const fields = fieldsOfRows(rows)
    const pairs = rows.indices.map((row, i) => {
      const label = labelField === null ? undefined : fields[i]![labelField]
      const common = { row, fields: fields[i]!, ...(label === undefined ? {} : { label }) }
      return { base: { ...common, outputs: ofBase[i]! }, candidate: { ...common, outputs: ofCandidate[i]! } }
    })
    yield { rows, pairs }
    base.giveBack?.(first)
    candidate.giveBack?.(second)
  }
}

/** Both models on the same rows, side by side where they live in processes of their own. */
async function runBoth(base: Session, candidate: Session, rows: Rows, data: Dataset): Promise<[Fetched, Fetched]> {
  const feeds = feedsOf(rows, base.inputs, data)
  const others = feedsOf(rows, candidate.inputs, data)
  if (base === candidate) return [await base.run(feeds), await candidate.run(others)]
  return Promise.all([base.run(feeds), candidate.run(others)])
}
