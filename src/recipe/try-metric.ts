import type { Session } from '../engine/index.ts'
import { type CompareOptions, compare } from '../evaluate/index.ts'
import { type Meter, noMeter } from './meter.ts'
import type { RowsOf } from './share-rows.ts'

/** Rows that are tried, and of models that take longer than this for one. */
const [ROWS, SLOW_ROWS, SLOW_MS] = [4, 2, 500]

interface TryOptions {
  readonly margin: number
  readonly alpha: number
  readonly metric?: CompareOptions['metric'] | undefined
  readonly label?: string | undefined
  readonly slices?: readonly string[] | undefined
  readonly meter?: Meter | undefined
}

/** A few rows judged against themselves: a wrong metric, label or slice shall cost nobody the minutes before judging. */
export async function tryMetric(
  session: Session,
  { data, indices }: RowsOf,
  runMs: number,
  options: TryOptions,
): Promise<void> {
  if (indices.length === 0) return
  const { margin, alpha, metric, label, slices, meter = noMeter } = options
  await compare(session, session, data, {
    margin,
    alpha,
    indices: indices.slice(0, runMs > SLOW_MS ? SLOW_ROWS : ROWS),
    metric,
    label,
    slices,
    // What a row costs here is the first idea of what judging will cost.
    onProgress: meter('judging'),
  })
}
