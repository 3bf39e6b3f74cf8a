import type { Dataset } from '../../data/index.ts'
import type { Feeds, Fetched, Session } from '../../engine/index.ts'
import type { CalibrationReport, ChannelsReport } from '../../report/index.ts'
import { take } from '../calibration/calibrate.ts'
import { RangeObserver } from '../calibration/observer.ts'
import { BUDGET, HELD, planRuns } from '../calibration/plan-runs.ts'
import { feedsOf, rowsPerRun } from '../feeds.ts'
import { type ChannelSession, Channels, channelsReport, toldChannels } from './channels.ts'

/** Outputs of a model that tell of values and of their channels, by value name. */
export interface LookingModel {
  readonly probes: ChannelSession['probes']
  readonly packs: ChannelSession['packs']
  /** Least, greatest, sum and number of the elements of a value, where its channels do not tell them. */
  readonly whole: ReadonlyMap<
    string,
    { readonly min: string; readonly max: string; readonly sum: string; readonly size: string }
  >
}

export interface LookOptions {
  /** Values whose ranges are wanted: each is an input, or one of the model's outputs tells of it. */
  readonly names: readonly string[]
  /** Rows to take ranges from: the first `samples` of `indices`, or of the set. */
  readonly samples: number
  readonly indices?: readonly number[]
  /** Of these the rows that channels are looked at on. */
  readonly channelRows: number
  /** What a session takes to open. */
  readonly loadMs: number
  readonly onRow?: (done: number, of: number) => void
  readonly signal?: AbortSignal
}

export interface LookedAt {
  readonly calibration: CalibrationReport
  readonly channels: ChannelsReport
}

/**
 * The extremes that `calibrate` takes and the statistics of `measureChannels`, from one run of each row. `openAnother`
 * is called once, where the runs left are worth one more session, which joins when it is there, if runs are then still to begin. Null where the values
 * are too large to be looked at together, or one of them is not finite or empty: the two measures tell more of those.
 */
export async function measureRangesAndChannels(
  session: Session,
  { probes, packs, whole }: LookingModel,
  data: Dataset,
  { names, samples, channelRows, loadMs, onRow, signal, ...rows }: LookOptions,
  openAnother: (wanted: () => boolean) => Promise<Session | null>,
): Promise<LookedAt | null> {
  const indices = (rows.indices ?? Array.from({ length: data.rows }, (_, i) => i)).slice(0, samples)
  const inputs = new Set(session.inputs.map((port) => port.name))
  const inner = names.filter((name) => !inputs.has(name))
  const share = BUDGET / HELD
  const looked = [...new Set([...inner, ...probes.keys()])]
  const most = rowsPerRun(session.inputs, data, 8)
  const { batch, groups } = await planRuns(session, data, { inner: looked, indices, most, share })
  if (groups.length > 1) return null
  const ranges = new Map(names.map((name) => [name, new RangeObserver(false)]))
  const channels = new Map([...probes.keys()].map((name) => [name, new Channels()]))
  let done = 0
  let allTold = true
  let ofChannels = 0

  const note = (feeds: Feeds, fetched: Fetched, count: number) => {
    for (const [name, value] of Object.entries(feeds)) take(ranges.get(name), value, count)
    const told = toldChannels(fetched, packs)
    const notes = (name: string, min: Float32Array, max: Float32Array, sum: Float32Array, elements: number) => {
      const seen = together(min, max, sum)
      if (elements === 0 || !seen.finite) allTold = false
      else ranges.get(name)!.note({ ...seen, elements }, count)
    }
    for (const name of inner) {
      const known = told.get(name)
      if (known) notes(name, known.min, known.max, known.mean, known.elements)
      else {
        const { min, max, sum, size } = whole.get(name)!
        const numbers = (output: string) => fetched[output]!.data as Float32Array
        notes(name, numbers(min), numbers(max), numbers(sum), Number(numbers(size)[0]))
      }
    }
    if (done < channelRows) {
      for (const [name, channelsOfRun] of told) channels.get(name)!.add(channelsOfRun)
      ofChannels += count
    }
    done += count
    onRow?.(done, indices.length)
  }

  const sessions = [session]
  const running: Promise<() => void>[] = []
  /** Runs that each session has begun and not ended. */
  const busy = new Map([[session, 0]])
  let joining: Promise<void> | undefined
  let begun = 0
  try {
    for await (const part of readAhead(data.read({ indices, batch }))) {
      signal?.throwIfAborted()
      const feeds = feedsOf(part, session.inputs, data)
      const started = performance.now()
      const free = sessions.reduce((a, b) => (busy.get(b)! < busy.get(a)! ? b : a))
      busy.set(free, busy.get(free)! + 1)
      const run = free.run(feeds).finally(() => busy.set(free, busy.get(free)! - 1))
      running.push(run.then((fetched) => () => note(feeds, fetched, part.indices.length)))
      begun++
      // Runs end in any order and are taken in as the rows stand; a session has its next row at hand when it ends one.
      while (running.length >= (begun === 1 ? 1 : 2 * sessions.length)) (await running.shift()!)()
      if (begun !== 1) continue
      const left = ((performance.now() - started) * (indices.length - done)) / batch
      if (left <= Math.max(LEAST_WORTH_MS, 4 * loadMs)) continue
      joining = openAnother(() => begun * batch < indices.length).then((another) => {
        if (!another) return
        busy.set(another, 0)
        sessions.push(another)
      })
      joining.catch(() => {})
    }
    for (const run of running.splice(0)) (await run)()
  } finally {
    await Promise.allSettled([...running, joining])
  }
  await joining
  if (!allTold || done === 0) return null
  const dataDigest = await data.digest()
  return {
    calibration: {
      kind: 'calibration',
      version: 1,
      method: 'minmax',
      samples: done,
      dataDigest,
      ...rangesOfAll(ranges),
    },
    channels: channelsReport(probes, channels, ofChannels, dataDigest),
  }
}

/** The same, the next one on its way while whoever asked is busy with one. */
async function* readAhead<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const items = source[Symbol.asyncIterator]()
  try {
    let next = items.next()
    for (let item = await next; !item.done; item = await next) {
      next = items.next()
      // A failure is told to who asks for it.
      next.catch(() => {})
      yield item.value
    }
  } finally {
    await items.return?.()
  }
}

/** Half of the runs left are spared by another session: twice what it takes to open, and what handing it the model takes. */
const LEAST_WORTH_MS = 150

function rangesOfAll(observers: ReadonlyMap<string, RangeObserver>): Pick<CalibrationReport, 'ranges' | 'unseen'> {
  const seen = [...observers].filter(([, observer]) => observer.seen && observer.notFinite === 0)
  const unseen = [...observers].filter(([, observer]) => !observer.seen || observer.notFinite > 0)
  return {
    ranges: Object.fromEntries(
      seen.map(([name, observer]) => [name, { ...observer.range('minmax', {}), elements: observer.elements }]),
    ),
    unseen: unseen.map(([name, { notFinite }]) => ({
      name,
      reason: notFinite > 0 ? `${notFinite} of its elements were not finite` : 'no row made it',
    })),
  }
}

/** What is not finite somewhere makes a sum, or a mean, that is not, and so a sum of these. */
function together(min: Float32Array, max: Float32Array, sum: Float32Array) {
  let [low, high, total] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (let i = 0; i < min.length; i++) {
    if (min[i]! < low) low = min[i]!
    if (max[i]! > high) high = max[i]!
    total += sum[i]!
  }
  return { min: low, max: high, finite: Number.isFinite(total) }
}
