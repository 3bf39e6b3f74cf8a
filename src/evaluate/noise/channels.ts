import { type Dataset, spreadRows } from '../../data/index.ts'
import type { Fetched, Session } from '../../engine/index.ts'
import { elementCount } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import type { ChannelsReport } from '../../report/index.ts'
import { feedsFrom, feedsOf, rowsPerRun } from '../feeds/feeds.ts'
import { rowsTogether } from '../feeds/rows-together.ts'

/** A session that tells of the channels of values: of each row and channel the least, the greatest and the mean element. */
export interface ChannelSession {
  readonly session: Session
  /** The values, with the axis that their channels lie on. */
  readonly probes: ReadonlyMap<string, { readonly axis: number }>
  /** The outputs that tell of them, each of several values. */
  readonly packs: readonly ChannelPack[]
}

/** One behind the other, of each value its dimensions, where they are not given here, and the three numbers. */
interface ChannelPack {
  readonly output: string
  readonly values: readonly {
    readonly name: string
    readonly axis: number
    readonly rank: number
    readonly dims: readonly number[] | null
  }[]
}

/** What one run tells of the channels of a value. */
export interface ToldChannels {
  readonly channels: number
  readonly elements: number
  readonly min: Float32Array
  readonly max: Float32Array
  readonly mean: Float32Array
}

/** Takes apart what a run told of the values, by name. */
export function toldChannels(fetched: Fetched, packs: readonly ChannelPack[]): ReadonlyMap<string, ToldChannels> {
  const told = new Map<string, ToldChannels>()
  for (const { output, values } of packs) {
    const data = fetched[output]!.data as Float32Array
    let at = 0
    const next = (length: number) => data.subarray(at, (at += length))
    for (const { name, axis, rank, dims } of values) {
      const shape = dims ?? Array.from(next(rank))
      const channels = shape.at(axis)!
      // Channels on the last axis are looked at for all rows together.
      const length = axis === -1 ? channels : shape[0]! * channels
      const [min, max, mean] = [next(length), next(length), next(length)]
      told.set(name, { channels, elements: elementCount(shape), min, max, mean })
    }
    // The runtime answers Shape from what the model lets it conclude, which need not be what it then computes.
    if (at !== data.length)
      throw new UserError('bad-model', `the runtime concludes other sizes of these values than they have`, {
        where: values.map(({ name }) => name).join(', '),
        hint: 'a size in front of them is fixed where it is open, such as that of a constant joined to rows: mend it where the model is made',
      })
  }
  return told
}

export interface ChannelOptions {
  /** Rows to look at: `samples` of `indices`, or of the set, spread over all of them; 32 by default. */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  readonly onRow?: ((done: number, of: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Extremes and means of single channels over the rows of a data set, and how far another row may reach. A value whose
 * rows differ in their number of channels, or that is not finite, is listed as unseen.
 *
 * @throws UserError `bad-model` where the runtime concludes other sizes of a value than it has.
 */
export async function measureChannels(
  { session, probes, packs }: ChannelSession,
  data: Dataset,
  options: ChannelOptions = {},
): Promise<ChannelsReport> {
  const samples = options.samples ?? 32
  const indices = spreadRows(data, options.indices, samples)
  const observed = new Map([...probes.keys()].map((name) => [name, new Channels()]))
  const most = rowsPerRun(session.inputs, data, 8)
  let batch = 1
  for await (const row of feedsFrom(session, data, indices.slice(0, 1)))
    batch = await rowsTogether(session, data, { row, names: [...probes.keys()], indices, most })
  let done = 0
  for await (const rows of data.read({ indices, batch })) {
    options.signal?.throwIfAborted()
    const fetched = await session.run(feedsOf(rows, session.inputs, data))
    for (const [name, told] of toldChannels(fetched, packs)) observed.get(name)!.add(told)
    done += rows.indices.length
    options.onRow?.(done, indices.length)
  }
  return channelsReport(probes, observed, done, await data.digest())
}

/** What was observed of each probed value in `samples` rows. */
export function channelsReport(
  probes: ChannelSession['probes'],
  observed: ReadonlyMap<string, Channels>,
  samples: number,
  dataDigest: string,
): ChannelsReport {
  const values = [...probes].map(([name, { axis }]) => [name, axis, observed.get(name)!.statistics()] as const)
  return {
    kind: 'channels',
    version: 1,
    samples,
    dataDigest,
    values: Object.fromEntries(
      values.flatMap(([name, axis, found]) => (typeof found === 'string' ? [] : [[name, { axis, ...found }]])),
    ),
    unseen: values.flatMap(([name, , found]) => (typeof found === 'string' ? [{ name, reason: found }] : [])),
  }
}

/** Statistics of the channels of one value, run by run. */
export class Channels {
  #min: Float64Array | undefined
  #max!: Float64Array
  #sum!: Float64Array
  /** Sums over rows of the greatest magnitude in the row, and of its square. */
  #peaks!: Float64Array
  #squares!: Float64Array
  #rows = 0
  #differs = false

  add({ channels, min, max, mean }: ToldChannels): void {
    if (!this.#min) {
      this.#min = new Float64Array(channels).fill(Number.POSITIVE_INFINITY)
      this.#max = new Float64Array(channels).fill(Number.NEGATIVE_INFINITY)
      this.#sum = new Float64Array(channels)
      this.#peaks = new Float64Array(channels)
      this.#squares = new Float64Array(channels)
    }
    if (this.#min.length !== channels) {
      this.#differs = true
      return
    }
    // Held here: looking up a field for every number takes most of the time of code that has hardly run yet.
    const [lows, highs, sums, peaks, squares] = [this.#min, this.#max, this.#sum, this.#peaks, this.#squares]
    for (let from = 0; from < mean.length; from += channels)
      for (let c = 0; c < channels; c++) {
        const low = min[from + c]!
        const high = max[from + c]!
        const peak = Math.max(-low, high)
        if (low < lows[c]!) lows[c] = low
        if (high > highs[c]!) highs[c] = high
        sums[c]! += mean[from + c]!
        peaks[c]! += peak
        squares[c]! += peak * peak
      }
    this.#rows += mean.length / channels
  }

  statistics() {
    if (!this.#min || this.#rows === 0) return 'no row made it'
    if (this.#differs) return 'its number of channels differs between rows'
    const n = this.#rows
    const reach = this.#peaks.map((sum, c) => {
      const variance = n > 1 ? Math.max(0, (this.#squares[c]! - (sum * sum) / n) / (n - 1)) : 0
      return sum / n + studentPoint(n) * Math.sqrt(variance * (1 + 1 / n))
    })
    const lists = [this.#min, this.#max, this.#sum.map((sum) => sum / n), reach]
    if (!lists.every((list) => list.every(Number.isFinite))) return 'some of its elements were not finite'
    // Six digits steer as well as sixteen, and recipes carry them.
    const [min, max, mean, far] = lists.map((list) => Array.from(list, sixDigits))
    return { min: min!, max: max!, mean: mean!, reach: far! }
  }
}

/**
 * `Number(value.toPrecision(6))`, which goes by way of a text. Six digits are a whole number over a power of ten, both
 * exact up to 10²², so that their quotient is the nearest number; what lies too near to the middle of two is left to the
 * slow way.
 */
export function sixDigits(value: number): number {
  const scale = POWERS[5 - Math.floor(Math.log10(Math.abs(value)))] ?? Number.NaN
  const digits = value * scale
  const whole = Math.round(digits)
  const size = Math.abs(whole)
  const clear = size >= 1e5 && size < 1e6 && Math.abs(digits - whole) < 0.499
  return clear ? whole / scale : Number(value.toPrecision(6))
}

/** Powers of ten that are exact: looking one up takes half as long as raising ten to it. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)

/** The 99 % point of Student's t for n − 1 degrees of freedom: 2.33 for many rows; above the table by at most 15 % from 3 on. */
function studentPoint(n: number): number {
  return 2.33 + 6.6 / Math.max(1, n - 1) ** 1.3
}
