import { type Dataset, spreadRows } from '../../data/index.ts'
import { areFinite, type Extremes, type Feeds, type Fetched, type Session } from '../../engine/index.ts'
import type { CalibrationReport, ChannelsReport } from '../../report/index.ts'
import { take } from '../calibration/calibrate.ts'
import { RangeObserver } from '../calibration/observer.ts'
import { BUDGET, HELD, planRuns } from '../calibration/plan-runs.ts'
import { rowsPerRun } from '../feeds/feeds.ts'
import { type ChannelSession, Channels, channelsReport, type ToldChannels, toldChannels } from './channels.ts'
import { type RunRowsOptions, runRows } from './run-rows.ts'

/** Outputs of a model that tell of values and of their channels, by value name. */
interface ProbeOutputs {
  readonly probes: ChannelSession['probes']
  readonly packs: ChannelSession['packs']
  /** Least, greatest, sum and number of the elements of a value, where its channels do not tell them. */
  readonly whole: ReadonlyMap<
    string,
    { readonly min: string; readonly max: string; readonly sum: string; readonly size: string }
  >
}

interface RangesAndChannelsOptions extends Pick<RunRowsOptions, 'loadMs' | 'openAnother' | 'signal'> {
  /** Values whose ranges are wanted: each is an input, or one of the model's outputs tells of it. */
  readonly names: readonly string[]
  /** Rows to take ranges from: so many of `indices`, or of the set, spread over all of them. */
  readonly samples: number
  readonly indices?: readonly number[] | undefined
  /** Of these the rows that channels are looked at on. */
  readonly channelRows: number
  readonly onRow?: ((done: number, of: number) => void) | undefined
}

/** What one reading of the rows gave of whole values and of their channels. */
export interface RangesAndChannels {
  readonly calibration: CalibrationReport
  readonly channels: ChannelsReport
}

/**
 * The extremes that `calibrate` takes and the statistics of `measureChannels`, from one run of each row. Null where the
 * values are too large to be looked at together, or one of them is not finite or empty: the two measures tell more of
 * those.
 */
export async function measureRangesAndChannels(
  session: Session,
  outputs: ProbeOutputs,
  data: Dataset,
  options: RangesAndChannelsOptions,
): Promise<RangesAndChannels | null> {
  const { names, samples, channelRows, onRow } = options
  // First those that tell of channels as well, which are spread over the set as all of them are.
  const channelled = spreadRows(data, options.indices, Math.min(channelRows, samples))
  const both = new Set(channelled)
  const indices = [...channelled, ...spreadRows(data, options.indices, samples).filter((row) => !both.has(row))]
  const inputs = new Set(session.inputs.map((port) => port.name))
  const inner = names.filter((name) => !inputs.has(name))
  const { batch, groups } = await planRuns(session, data, {
    inner: [...new Set([...inner, ...outputs.probes.keys()])],
    indices,
    most: rowsPerRun(session.inputs, data, 8),
    share: BUDGET / HELD,
  })
  if (groups.length > 1) return null
  const seen = new Observations(outputs, names, inner)
  await runRows(session, data, { ...options, indices, batch }, (feeds, fetched, count) => {
    seen.add(feeds, fetched, count, seen.rows < channelRows)
    onRow?.(seen.rows, indices.length)
  })
  return seen.allTold && seen.rows > 0 ? seen.reports(await data.digest()) : null
}

/** What runs told of the ranges of values, and of their channels, so far. */
class Observations {
  readonly #outputs: ProbeOutputs
  readonly #inner: readonly string[]
  readonly #ranges: ReadonlyMap<string, RangeObserver>
  readonly #channels: ReadonlyMap<string, Channels>
  #channelRows = 0
  rows = 0
  /** Whether every value was finite and had elements. */
  allTold = true

  /** @param inner Those of `names` that are no inputs. */
  constructor(outputs: ProbeOutputs, names: readonly string[], inner: readonly string[]) {
    this.#outputs = outputs
    this.#inner = inner
    this.#ranges = new Map(names.map((name) => [name, new RangeObserver(false)]))
    this.#channels = new Map([...outputs.probes.keys()].map((name) => [name, new Channels()]))
  }

  /** Takes in a run of `count` rows. */
  add(feeds: Feeds, fetched: Fetched, count: number, withChannels: boolean): void {
    for (const [name, value] of Object.entries(feeds)) take(this.#ranges.get(name), value, count)
    const told = toldChannels(fetched, this.#outputs.packs)
    for (const name of this.#inner) {
      const channels = told.get(name)
      const extremes = channels ? extremesOfChannels(channels) : this.#wholeExtremes(name, fetched)
      if (extremes.elements === 0 || !extremes.finite) this.allTold = false
      else this.#ranges.get(name)!.note(extremes, count)
    }
    this.rows += count
    if (!withChannels) return
    for (const [name, channels] of told) this.#channels.get(name)!.add(channels)
    this.#channelRows += count
  }

  #wholeExtremes(name: string, fetched: Fetched): Extremes {
    const { min, max, sum, size } = this.#outputs.whole.get(name)!
    const numbers = (output: string) => fetched[output]!.data as Float32Array
    return extremesOver(numbers(min), numbers(max), numbers(sum), Number(numbers(size)[0]))
  }

  reports(dataDigest: string): RangesAndChannels {
    const { probes } = this.#outputs
    return {
      calibration: {
        kind: 'calibration',
        version: 1,
        method: 'minmax',
        samples: this.rows,
        dataDigest,
        ...rangesOfAll(this.#ranges),
      },
      channels: channelsReport(probes, this.#channels, this.#channelRows, dataDigest),
    }
  }
}

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

const extremesOfChannels = ({ min, max, mean, elements }: ToldChannels): Extremes =>
  extremesOver(min, max, mean, elements)

function extremesOver(mins: Float32Array, maxs: Float32Array, sums: Float32Array, elements: number): Extremes {
  let [min, max, total] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (let i = 0; i < mins.length; i++) {
    if (mins[i]! < min) min = mins[i]!
    if (maxs[i]! > max) max = maxs[i]!
    total += sums[i]!
  }
  return { min, max, elements, finite: areFinite(min, max, total) }
}
