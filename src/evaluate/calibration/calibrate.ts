import { type Dataset, spreadRows } from '../../data/index.ts'
import type { Fetched, Session, TensorValue } from '../../engine/index.ts'
import type { CalibrationMethod, CalibrationReport } from '../../report/index.ts'
import { feedsOf, rowsPerRun } from '../feeds/feeds.ts'
import { RangeObserver } from './observer.ts'
import { BUDGET, HELD, planRuns } from './plan-runs.ts'

/** Rows that ranges and moments are taken from, by default. */
export const CALIBRATION_ROWS = 128

export interface CalibrateOptions {
  /** Values whose ranges are wanted, inner ones included. */
  readonly names: readonly string[]
  /** Rows to look at: `samples` of `indices`, or of the set, spread over all of them; `CALIBRATION_ROWS` by default. */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  /** Bytes above plain inference that fetching inner values may take, 256 MB by default; more where `fewGroups` finds it. */
  readonly byteBudget?: number | undefined
  /** Rows of one run, where the model takes several; 8 by default. */
  readonly batch?: number | undefined
  /** Share of numbers that `percentile` keeps inside; 0.9999 by default. */
  readonly percentile?: number | undefined
  /** Extremes of the same rows, where they are known already: then a histogram need not look for them. */
  readonly extremes?: CalibrationReport | undefined
  readonly onRow?: ((done: number, of: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The ranges of one pass over the rows, by method. */
export type CalibrationReports<M extends CalibrationMethod = CalibrationMethod> = Readonly<Record<M, CalibrationReport>>

/**
 * Fetched values stand in memory several times: the runtime's own, the caller's copy, and those of runs before that
 * were not collected yet. Measured on PP-OCRv4 det: 356 MB above a plain run for groups of 62 MB.
 */
export const COPIES = 6
const ALL: readonly CalibrationMethod[] = ['minmax', 'percentile', 'mse', 'most-rows', 'entropy']

/** Ranges by one method: see `calibrateAll`. */
export async function calibrate(
  session: Session,
  data: Dataset,
  options: CalibrateOptions & { readonly method: CalibrationMethod },
): Promise<CalibrationReport> {
  return (await observe(session, data, options, [options.method]))[options.method]!
}

/**
 * Ranges by every method, or by some, from one reading of the rows. Memory: plain inference, `byteBudget` for inner
 * values, and one histogram of fixed size a value, however many rows there are.
 */
export async function calibrateAll<M extends CalibrationMethod = CalibrationMethod>(
  session: Session,
  data: Dataset,
  options: CalibrateOptions & { readonly methods?: readonly M[] },
): Promise<CalibrationReports<M>> {
  return (await observe(session, data, options, options.methods ?? ALL)) as CalibrationReports<M>
}

async function observe(
  session: Session,
  data: Dataset,
  options: CalibrateOptions,
  methods: readonly CalibrationMethod[],
): Promise<Partial<Record<CalibrationMethod, CalibrationReport>>> {
  const withHistogram = methods.some((method) => method !== 'minmax')
  const observers = new Map(
    options.names.map((name) => [name, new RangeObserver(withHistogram, options.extremes?.ranges[name])]),
  )
  const indices = spreadRows(data, options.indices, options.samples ?? CALIBRATION_ROWS)
  const ports = new Set(session.inputs.map((port) => port.name))
  const inner = options.names.filter((name) => !ports.has(name))
  const reading = { session, data, observers, indices, options }

  const early = !withHistogram && session.extremes ? await takeExtremes(reading, inner) : null
  const left = inner.filter((name) => !early?.told.has(name))
  const late = early && left.length === 0 ? 0 : await takeValues(reading, left, early === null)
  return reportsOf(observers, methods, Math.max(early?.read ?? 0, late), await data.digest(), options)
}

/** The rows that are read, and what takes in their values. */
interface Reading {
  readonly session: Session
  readonly data: Dataset
  readonly observers: Map<string, RangeObserver>
  readonly indices: readonly number[]
  readonly options: CalibrateOptions
}

/** Takes in values as the runtime hands them out, with those of the inputs if these are still wanted; gives the rows read. */
async function takeValues(reading: Reading, inner: readonly string[], inputs: boolean): Promise<number> {
  const { session, observers } = reading
  const { batch, groups } = await runsFor(reading, inner, COPIES)
  let read = 0
  for await (const { group, feeds, count, done } of rounds(reading, batch, groups, inputs)) {
    const see = (fetched: Fetched) => {
      for (const name of group) take(observers.get(name), fetched[name], count)
    }
    if (group.length > 0 && session.look) await session.look(feeds, group, see)
    else if (group.length > 0) see(await session.run(feeds, group))
    read = done
  }
  return read
}

/**
 * Takes in the inputs, and ranges that the engine itself can tell; gives the rows read, and the names that are done with. A
 * value that was not finite once is left to the other way, which counts.
 */
async function takeExtremes(
  reading: Reading,
  inner: readonly string[],
): Promise<{ readonly read: number; readonly told: ReadonlySet<string> }> {
  const { session, observers } = reading
  const { batch, groups } = await runsFor(reading, inner, HELD)
  const unsure = new Set<string>()
  const seen = new Set<string>()
  let read = 0
  for await (const { group, feeds, count, done } of rounds(reading, batch, groups, true)) {
    for (const [name, extremes] of (group.length > 0 && (await session.extremes?.(feeds, group))) || []) {
      seen.add(name)
      if (!extremes.finite || extremes.elements === 0) unsure.add(name)
      else observers.get(name)?.note(extremes, count)
    }
    read = done
  }
  for (const name of unsure) observers.set(name, new RangeObserver(false))
  return { read, told: new Set([...seen].filter((name) => !unsure.has(name))) }
}

/** How many rows share a run, and which values are fetched together, where each stands in memory `copies` times. */
function runsFor({ session, data, indices, options }: Reading, inner: readonly string[], copies: number) {
  const most = rowsPerRun(session.inputs, data, options.batch ?? 8)
  return planRuns(session, data, { inner, indices, most, share: (options.byteBudget ?? BUDGET) / copies })
}

/**
 * All rows, once for each group of inner values: a group is a session of its own, so all rows go through one before the
 * next begins. The first time round the inputs are taken in where they are wanted, without any group if there is none.
 */
async function* rounds(
  { session, data, observers, indices, options: { onRow, signal } }: Reading,
  batch: number,
  groups: readonly (readonly string[])[],
  inputs: boolean,
) {
  const turns = groups.length === 0 && inputs ? [[]] : groups
  for (const [turn, group] of turns.entries()) {
    let done = 0
    for await (const rows of data.read({ indices, batch })) {
      signal?.throwIfAborted()
      const feeds = feedsOf(rows, session.inputs, data)
      const count = rows.indices.length
      if (turn === 0 && inputs)
        for (const [name, value] of Object.entries(feeds)) take(observers.get(name), value, count)
      done += count
      yield { group, feeds, count, done }
      onRow?.(turn * indices.length + done, turns.length * indices.length)
    }
  }
}

/** Takes in a value that was handed out. */
export function take(observer: RangeObserver | undefined, value: TensorValue | undefined, rows: number): void {
  if (value?.dtype !== 'float32' && value?.dtype !== 'float64') return
  observer?.observe(value.data as Float32Array, rows)
}

function reportsOf(
  observers: ReadonlyMap<string, RangeObserver>,
  methods: readonly CalibrationMethod[],
  samples: number,
  dataDigest: string,
  options: CalibrateOptions,
): Partial<Record<CalibrationMethod, CalibrationReport>> {
  const unseen = [...observers].flatMap(([name, observer]) => {
    if (observer.notFinite > 0) return [{ name, reason: `${observer.notFinite} of its elements were not finite` }]
    if (!observer.seen) return [{ name, reason: 'the runtime could not hand it out as floats, or no row made it' }]
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
      return [method, { kind: 'calibration', version: 1, method, samples, dataDigest, ranges, unseen }]
    }),
  )
}
