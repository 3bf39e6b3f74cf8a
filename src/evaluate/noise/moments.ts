import { type Dataset, spreadRows } from '../../data/index.ts'
import type { Session, TensorValue } from '../../engine/index.ts'
import type { NumericArray, Windows } from '../../ir/index.ts'
import { sha256 } from '../../platform/index.ts'
import type { MomentsReport, TensorRef } from '../../report/index.ts'
import { randomSource } from '../../statistics/index.ts'
import { CALIBRATION_ROWS } from '../calibration/calibrate.ts'
import { feedsOf, rowsPerRun } from '../feeds.ts'
import { fewGroups } from '../few-groups.ts'
import { takeWindows } from '../window-samples.ts'
import { GramSums, openProducts } from './gram.ts'

/** Windows that a convolution reads, in parts: `size` numbers, whole channels with all their taps, are looked at together. */
export interface WatchedWindows {
  /** The name of the convolution's weights. */
  readonly weight: string
  readonly value: string
  readonly windows: Windows
  readonly parts: number
  readonly size: number
}

export interface MomentsOptions {
  /** Values to look at: [.., K], the last axis being the channels. */
  readonly names: readonly string[]
  /** Also XᵀX, K² numbers a value; without it, mean magnitudes alone. */
  readonly gram: boolean
  /** What convolutions read, some thousand windows of each. */
  readonly windows?: readonly WatchedWindows[]
  /** Rows to look at: `samples` of `indices`, or of the set, spread over all of them; `CALIBRATION_ROWS` by default. */
  readonly samples?: number
  readonly indices?: readonly number[]
  /** Bytes above plain inference that fetching inner values may take; 256 MB by default. */
  readonly byteBudget?: number
  readonly onRow?: (done: number, of: number) => void
  readonly signal?: AbortSignal
}

/** A report of moments with the numbers that it refers to, by digest. */
export interface Moments {
  readonly report: MomentsReport
  readonly tensors: ReadonlyMap<string, NumericArray>
}

/** Windows of a convolution that are looked at, of all rows together. */
const WINDOWS = 4096

/** What was seen of one value, or of the windows of one convolution. */
class Observed {
  vectors = 0
  /** Of magnitudes for vectors, of the numbers themselves for windows. */
  sum = new Float64Array(0)
  grams: GramSums | null = null
  readonly of: { readonly value: string; readonly windows: WatchedWindows | null }

  constructor(value: string, windows: WatchedWindows | null = null) {
    this.of = { value, windows }
  }

  /** Adds vectors of `width` numbers; with `products`, what they are multiplied with themselves too. */
  async add(vectors: Float32Array, width: number, products: Session | null): Promise<void> {
    const { windows } = this.of
    if (this.sum.length === 0) {
      this.sum = new Float64Array(width)
      this.grams = products && new GramSums(products, windows?.parts ?? 1, windows?.size ?? width)
    }
    for (let from = 0; from < vectors.length; from += width)
      for (let i = 0; i < width; i++) {
        const value = vectors[from + i]!
        this.sum[i]! += windows ? value : Math.abs(value)
      }
    this.vectors += vectors.length / width
    await this.grams?.add(vectors)
  }
}

/**
 * Second moments of inner values over the rows of a data set: the mean magnitude of each channel and, where asked, the
 * mean of xxᵀ over all vectors x along the last axis; of the windows of convolutions the mean and the covariance of each
 * part. Rows stream; memory is plain inference, the budget, and K² numbers a value. Values that no run hands out as
 * float32 with one width, or that hold numbers that are not finite, are listed as unseen.
 */
export async function measureMoments(session: Session, data: Dataset, options: MomentsOptions): Promise<Moments> {
  const products = options.gram || options.windows?.length ? await openProducts() : null
  try {
    return await measured(session, data, products, options)
  } finally {
    await products?.close()
  }
}

async function measured(
  session: Session,
  data: Dataset,
  products: Session | null,
  options: MomentsOptions,
): Promise<Moments> {
  const samples = options.samples ?? CALIBRATION_ROWS
  const indices = spreadRows(data, options.indices, samples)
  const batch = rowsPerRun(session.inputs, data, 1)
  const observed = new Map<string, Observed>([
    ...options.names.map((name): [string, Observed] => [name, new Observed(name)]),
    ...(options.windows ?? []).map((own): [string, Observed] => [windowsKey(own), new Observed(own.value, own)]),
  ])
  const lost = new Map<string, string>()
  const ports = new Set(session.inputs.map((port) => port.name))
  const watched = [...new Set([...observed.values()].map(({ of }) => of.value))]
  const inner = watched.filter((name) => !ports.has(name))
  const { below } = randomSource(0)
  const read = () => data.read({ indices, batch })
  const look = async (name: string, value: TensorValue | undefined, rows: number) => {
    for (const [key, known] of observed) {
      if (known.of.value !== name || lost.has(key)) continue
      const { windows } = known.of
      const wanted = Math.ceil((WINDOWS * rows) / indices.length)
      const size = windows ? windows.parts * windows.size : (value?.dims.at(-1) ?? 0)
      if (value?.dtype !== 'float32' || size === 0) lost.set(key, 'the runtime could not hand it out as float32')
      else if (known.sum.length !== 0 && known.sum.length !== size) lost.set(key, 'its width differs between rows')
      else {
        const taken = windows
          ? takeWindows({ windows: windows.windows, size }, value, wanted, below)
          : (value.data as Float32Array)
        if (taken) await known.add(taken, size, windows || options.gram ? products : null)
        else lost.set(key, 'it has other dimensions than the windows of its convolution')
      }
    }
  }
  const tensors = new Map<string, NumericArray>()
  const values: Record<string, MomentsReport['values'][string]> = {}
  const windows: Record<string, NonNullable<MomentsReport['windows']>[string]> = {}
  const keep = (numbers: Float32Array, shape: readonly number[]): TensorRef => {
    const digest = sha256(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength))
    tensors.set(digest, numbers)
    return { digest, dtype: 'float32', shape: [...shape] }
  }
  /** Sums become what the report refers to as soon as their rows are through, so that one group's stand at a time. */
  const finish = async (name: string) => {
    for (const [key, { of, vectors, sum, grams }] of observed) {
      if (of.value !== name) continue
      observed.delete(key)
      await grams?.finish()
      if (sum.some((value) => !Number.isFinite(value))) lost.set(key, 'some of its elements are not finite')
      if (vectors === 0 || lost.has(key)) continue
      const mean = Float32Array.from(sum, (value) => value / vectors)
      const gram = grams?.gram.map((value) => value / vectors)
      if (of.windows) {
        const { weight, parts, size } = of.windows
        const covariance = keep(covarianceOf(gram!, sum, vectors, size), [parts, size, size])
        windows[weight] = { vectors, mean: keep(mean, [parts, size]), covariance }
      } else {
        const width = sum.length
        values[name] = {
          vectors,
          meanAbs: keep(mean, [width]),
          ...(gram ? { gram: keep(Float32Array.from(gram), [width, width]) } : {}),
        }
      }
    }
  }
  let groups: readonly (readonly string[])[] | null = null
  let done = 0
  for (let turn = 0; turn < (groups?.length ?? 1); turn++) {
    done = 0
    for await (const rows of read()) {
      options.signal?.throwIfAborted()
      const feeds = feedsOf(rows, session.inputs, data)
      groups ??= await fewGroups(session, feeds, inner, (options.byteBudget ?? 256 * 2 ** 20) / 6)
      const group = groups[turn] ?? []
      const count = rows.indices.length
      if (turn === 0) for (const name of watched) if (ports.has(name)) await look(name, feeds[name], count)
      const fetched = group.length > 0 ? await session.run(feeds, group) : {}
      for (const name of group) await look(name, fetched[name], count)
      done += count
      options.onRow?.(done, indices.length)
    }
    for (const name of [...(groups?.[turn] ?? []), ...(turn === 0 ? watched.filter((one) => ports.has(one)) : [])])
      await finish(name)
  }
  for (const key of observed.keys())
    if (!lost.has(key)) lost.set(key, 'no row made it, or the runtime cannot hand it out')
  const report: MomentsReport = {
    kind: 'moments',
    version: 1,
    samples: done,
    dataDigest: await data.digest(),
    values,
    ...(options.windows ? { windows } : {}),
    unseen: [...lost].map(([name, reason]) => ({ name, reason })),
  }
  return { report, tensors }
}

/** Windows are told from the values that they are of by a name that no value is asked for by. */
const windowsKey = ({ weight, value }: WatchedWindows) => `${value} as ${weight} reads it`

/** Of means of xᵀ · x within each part, what is left without the means. */
function covarianceOf(gram: Float64Array, sum: Float64Array, vectors: number, size: number): Float32Array {
  return Float32Array.from(gram, (value, i) => {
    const row = Math.floor(i / size)
    const part = Math.floor(row / size) * size
    return value - (sum[row]! / vectors) * (sum[part + (i % size)]! / vectors)
  })
}
