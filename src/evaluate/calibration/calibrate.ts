import type { Dataset } from '../../data/index.ts'
import type { Fetched, Session, TensorValue } from '../../engine/index.ts'
import type { CalibrationMethod, CalibrationReport } from '../../report/index.ts'
import { feedsOf, rowsPerRun } from '../feeds.ts'
import { RangeObserver } from './observer.ts'
import { BUDGET, HELD, planRuns } from './plan-runs.ts'

/** Rows that ranges and moments are taken from, unless said. */
export const CALIBRATION_ROWS = 128

export interface CalibrateOptions {
  /** Values whose ranges are wanted, inner ones included. */
  readonly names: readonly string[]
  /** Rows to look at: the first `samples` of `indices`, or of the set; `CALIBRATION_ROWS` by default. */
  readonly samples?: number
  readonly indices?: readonly number[]
  /** Bytes above plain inference that fetching inner values may take; 256 MB by default. */
  readonly byteBudget?: number
  /** Rows of one run, where the model takes several; 8 by default. */
  readonly batch?: number
  /** Share of numbers that `percentile` keeps inside; 0.9999 by default. */
  readonly percentile?: number
  /** Extremes of the same rows, where they are known already: then a histogram need not look for them. */
  readonly extremes?: CalibrationReport
  readonly onRow?: (done: number, of: number) => void
  readonly signal?: AbortSignal
}

export type CalibrationReports<M extends CalibrationMethod = CalibrationMethod> = Readonly<Record<M, CalibrationReport>>

/**
 * Fetched values stand in memory several times: the runtime's own, the caller's copy, and those of runs before that
 * were not collected yet. Measured on PP-OCRv4 det: 356 MB above a plain run for groups of 62 MB.
 */
const COPIES = 6
const ALL: readonly CalibrationMethod[] = ['minmax', 'percentile', 'mse', 'most-rows', 'entropy']

/** Ranges by one method: see `calibrateAll`. */
export async function calibrate(
  session: Session,
  dataset: Dataset,
  options: CalibrateOptions & { readonly method: CalibrationMethod },
): Promise<CalibrationReport> {
  return (await observe(session, dataset, options, [options.method]))[options.method]!
}

/**
 * Ranges by every method, or by some, from one reading of the rows. Memory: plain inference, `byteBudget` for inner
 * values, and one histogram of fixed size a value, however many rows there are.
 */
export async function calibrateAll<M extends CalibrationMethod = CalibrationMethod>(
  session: Session,
  dataset: Dataset,
  options: CalibrateOptions & { readonly methods?: readonly M[] },
): Promise<CalibrationReports<M>> {
  return (await observe(session, dataset, options, options.methods ?? ALL)) as CalibrationReports<M>
}

async function observe(
  session: Session,
  dataset: Dataset,
  options: CalibrateOptions,
  methods: readonly CalibrationMethod[],
): Promise<Partial<Record<CalibrationMethod, CalibrationReport>>> {
  const withHistogram = methods.some((method) => method !== 'minmax')
  const observers = new Map(
    options.names.map((name) => [name, new RangeObserver(withHistogram, options.extremes?.ranges[name])]),
  )
  const samples = options.samples ?? CALIBRATION_ROWS
  const indices = (options.indices ?? Array.from({ length: dataset.rows }, (_, i) => i)).slice(0, samples)
  const most = rowsPerRun(session.inputs, dataset, options.batch ?? 8)
  const ports = new Set(session.inputs.map((port) => port.name))
  const inner = options.names.filter((name) => !ports.has(name))

  let done = 0
  const told = new Set<string>()
  if (!withHistogram && session.extremes) {
    const share = (options.byteBudget ?? BUDGET) / HELD
    const { batch, groups } = await planRuns(session, dataset, { inner, indices, most, share })
    const ranges = await extremesOf(session, dataset, { ...options, groups, indices, batch, observers })
    for (const name of ranges) told.add(name)
    done = indices.length
  }
  const left = inner.filter((name) => !told.has(name))
  const { batch, groups } =
    left.length > 0 || told.size === 0
      ? await planRuns(session, dataset, {
          inner: left,
          indices,
          most,
          share: (options.byteBudget ?? BUDGET) / COPIES,
        })
      : { batch: most, groups: [] }
  const read = () => dataset.read({ indices, batch })
  // A group is a session of its own, so all rows go through one group before the next begins.
  for (const [turn, group] of (groups.length > 0 || told.size > 0 ? groups : [[]]).entries()) {
    done = 0
    for await (const rows of read()) {
      options.signal?.throwIfAborted()
      const feeds = feedsOf(rows, session.inputs, dataset)
      const count = rows.indices.length
      if (turn === 0 && told.size === 0)
        for (const [name, value] of Object.entries(feeds)) take(observers.get(name), value, count)
      const see = (fetched: Fetched) => {
        for (const name of group) take(observers.get(name), fetched[name], count)
      }
      if (group.length > 0 && session.look) await session.look(feeds, group, see)
      else if (group.length > 0) see(await session.run(feeds, group))
      done += count
      options.onRow?.(turn * indices.length + done, Math.max(1, groups.length) * indices.length)
    }
  }

  const dataDigest = await dataset.digest()
  const unseen = [...observers].flatMap(([name, observer]) => {
    if (!observer.seen) return [{ name, reason: 'the runtime could not hand it out as floats, or no row made it' }]
    if (observer.notFinite > 0) return [{ name, reason: `${observer.notFinite} of its elements were not finite` }]
    return []
  })
  const missing = new Set(unseen.map(({ name }) => name))
  return Object.fromEntries(
    methods.map((method) => {
      const ranges = Object.fromEntries(
        [...observers].flatMap(([name, observer]) =>
          missing.has(name) ? [] : [[name, { ...observer.range(method, options), elements: observer.elements }]],
        ),
      )
      return [method, { kind: 'calibration', version: 1, method, samples: done, dataDigest, ranges, unseen }]
    }),
  )
}

/** Takes in a value that was handed out. */
export function take(observer: RangeObserver | undefined, value: TensorValue | undefined, rows: number): void {
  if (value?.dtype !== 'float32' && value?.dtype !== 'float64') return
  observer?.observe(value.data as Float32Array, rows)
}

/**
 * Ranges that the engine itself can tell, from all rows; gives the names that are done with. A value that was not finite
 * once is left to the other way, which counts.
 */
async function extremesOf(
  session: Session,
  dataset: Dataset,
  {
    groups,
    indices,
    batch,
    observers,
    onRow,
    signal,
  }: CalibrateOptions & {
    readonly groups: readonly (readonly string[])[]
    readonly indices: readonly number[]
    readonly batch: number
    readonly observers: Map<string, RangeObserver>
  },
): Promise<readonly string[]> {
  const unsure = new Set<string>()
  const seen = new Set<string>()
  let done = 0
  for (const [turn, group] of (groups.length > 0 ? groups : [[]]).entries())
    for await (const rows of dataset.read({ indices, batch })) {
      signal?.throwIfAborted()
      const feeds = feedsOf(rows, session.inputs, dataset)
      const count = rows.indices.length
      if (turn === 0) for (const [name, value] of Object.entries(feeds)) take(observers.get(name), value, count)
      const told = group.length > 0 ? await session.extremes?.(feeds, group) : null
      for (const [name, extremes] of told ?? []) {
        seen.add(name)
        if (!extremes.finite || extremes.elements === 0) unsure.add(name)
        else observers.get(name)?.note(extremes, count)
      }
      done += count
      onRow?.(done, Math.max(1, groups.length) * indices.length)
    }
  for (const name of unsure) observers.set(name, new RangeObserver(false))
  return [...seen].filter((name) => !unsure.has(name))
}
