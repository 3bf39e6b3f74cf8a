import type { Session } from '../engine/index.ts'
import { type CompareOptions, compare, oddLabels } from '../evaluate/index.ts'
import { type Meter, noMeter } from './meter.ts'
import type { RowsOf } from './share-rows.ts'

/** Rows that are tried, and of models that take longer than this for one. */
const [ROWS, SLOW_ROWS, SLOW_MS] = [4, 2, 500]

interface TryOptions extends Pick<CompareOptions, 'margin' | 'alpha' | 'metric' | 'label' | 'slices'> {
  readonly meter?: Meter | undefined
}

/**
 * A few rows judged against themselves, and those of the oddest labels: a wrong metric, label or slice shall cost nobody
 * the minutes before judging. `runMs` is how long the model takes for a row.
 */
export async function tryMetric(
  session: Session,
  rows: RowsOf,
  runMs: number,
  { meter = noMeter, ...options }: TryOptions,
): Promise<void> {
  if (rows.indices.length === 0) return
  const most = runMs > SLOW_MS ? SLOW_ROWS : ROWS
  // What a row costs here is the first idea of what judging will cost.
  const onProgress = meter('judging')
  await compare(session, session, rows.data, {
    ...options,
    indices: [...new Set([...rows.indices.slice(0, most), ...(await oddest(rows, options))])],
    onProgress,
  })
}

/** Rows to prove on whose labels no metric takes shall be found before the search, or the training, and not behind it. */
export async function tryProof(
  session: Session,
  rows: RowsOf,
  options: Pick<CompareOptions, 'metric' | 'label'>,
): Promise<void> {
  const indices = [...new Set([...rows.indices.slice(0, 1), ...(await oddest(rows, options))])]
  if (indices.length > 0) await compare(session, session, rows.data, { ...options, indices })
}

const oddest = ({ data, indices }: RowsOf, { label }: Pick<CompareOptions, 'label'>) => oddLabels(data, indices, label)
