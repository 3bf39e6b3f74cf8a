import { type Dataset, spreadRows } from '../../data/index.ts'
import type { Session, TensorValue } from '../../engine/index.ts'
import type { NumericArray, Windows } from '../../ir/index.ts'
import { sha256 } from '../../platform/index.ts'
import type { MomentsReport, TensorRef } from '../../report/index.ts'
import { randomSource } from '../../statistics/index.ts'
import { CALIBRATION_ROWS, COPIES } from '../calibration/calibrate.ts'
import { BUDGET } from '../calibration/plan-runs.ts'
import { valuesByRow } from '../feeds/value-rows.ts'
import { takeWindows } from '../feeds/window-samples.ts'
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
  readonly windows?: readonly WatchedWindows[] | undefined
  /** Rows to look at: `samples` of `indices`, or of the set, spread over all of them; `CALIBRATION_ROWS` by default. */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  readonly onRow?: ((done: number, of: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
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
  readonly value: string
  readonly windows: WatchedWindows | null
  readonly #products: Session | null
  #grams: GramSums | null = null
  /** Of magnitudes for vectors, of the numbers themselves for windows. */
  #sum = new Float64Array(0)
  vectors = 0
  /** Why nothing is told of it, once there is a reason. */
  lost: string | null = null

  /** @param products What multiplies the vectors with themselves, where that is asked for. */
  constructor(value: string, windows: WatchedWindows | null, products: Session | null) {
    this.value = value
    this.windows = windows
    this.#products = products
  }

  /** Adds what a row made of it: all vectors along the last axis, or so many windows, drawn by `below`. */
  async add(value: TensorValue | undefined, wanted: number, below: (count: number) => number): Promise<void> {
    if (this.lost !== null) return
    const { windows } = this
    const width = windows ? windows.parts * windows.size : (value?.dims.at(-1) ?? 0)
    if (value?.dtype !== 'float32' || width === 0) this.lost = 'the runtime could not hand it out as float32'
    else if (this.#sum.length !== 0 && this.#sum.length !== width) this.lost = 'its width differs between rows'
    else {
      const vectors = windows
        ? takeWindows({ windows: windows.windows, size: width }, value, wanted, below)
        : (value.data as Float32Array)
      if (vectors) await this.#addVectors(vectors, width)
      else this.lost = 'it has other dimensions than the windows of its convolution'
    }
  }

  async #addVectors(vectors: Float32Array, width: number): Promise<void> {
    const { windows } = this
    if (this.#sum.length === 0) {
      this.#sum = new Float64Array(width)
      this.#grams = this.#products && new GramSums(this.#products, windows?.parts ?? 1, windows?.size ?? width)
    }
    for (let from = 0; from < vectors.length; from += width)
      for (let i = 0; i < width; i++) {
        const value = vectors[from + i]!
        this.#sum[i]! += windows ? value : Math.abs(value)
      }
    this.vectors += vectors.length / width
    await this.#grams?.add(vectors)
  }

  /** Means over all vectors, and those of xᵀ · x; null where there are none, or something stands against them. */
  async means(): Promise<{ readonly mean: Float64Array; readonly gram: Float64Array | null } | null> {
    const grams = this.#grams
    // They are large, and asked for once.
    this.#grams = null
    await grams?.finish()
    if (this.#sum.some((value) => !Number.isFinite(value))) this.lost = 'some of its elements are not finite'
    if (this.vectors === 0 || this.lost !== null) return null
    const each = (sum: number) => sum / this.vectors
    return { mean: this.#sum.map(each), gram: grams?.gram.map(each) ?? null }
  }
}

/**
 * Second moments of inner values over the rows of a data set: the mean magnitude of each channel and, where asked, the
 * mean of xxᵀ over all vectors x along the last axis; of the windows of convolutions the mean and the covariance of each
 * part. Rows stream; memory is plain inference, the budget, and K² numbers a value. Values that no run hands out as
 * float32 with one width, or that hold numbers that are not finite, are listed as unseen.
 */
export async function measureMoments(session: Session, data: Dataset, options: MomentsOptions): Promise<Moments> {
  const { names, windows = [], gram } = options
  const products = gram || windows.length > 0 ? await openProducts() : null
  try {
    return await measured(session, data, options, [
      ...[...new Set(names)].map((name) => new Observed(name, null, gram ? products : null)),
      ...windows.map((own) => new Observed(own.value, own, products)),
    ])
  } finally {
    await products?.close()
  }
}

async function measured(
  session: Session,
  data: Dataset,
  { indices: among, samples = CALIBRATION_ROWS, signal, onRow, ...options }: MomentsOptions,
  observed: readonly Observed[],
): Promise<Moments> {
  const indices = spreadRows(data, among, samples)
  const wanted = Math.ceil(WINDOWS / indices.length)
  const { below } = randomSource(0)
  const found = new Found()
  const unseen = new Set(observed)
  // Sums become what the report refers to as soon as their rows are through, so that one group's stand at a time.
  const onGroup = async (names: readonly string[]) => {
    for (const one of observed) if (names.includes(one.value) && (await found.add(one))) unseen.delete(one)
  }
  const names = observed.map(({ value }) => value)
  const asked = { names, indices, bytes: BUDGET / COPIES, signal, onRow, onGroup }
  let read = 0
  for await (const { values, place } of valuesByRow(session, data, asked)) {
    read = Math.max(read, place + 1)
    for (const [name, value] of values)
      for (const one of observed) if (one.value === name) await one.add(value, wanted, below)
  }
  const report: MomentsReport = {
    kind: 'moments',
    version: 1,
    samples: read,
    dataDigest: await data.digest(),
    values: found.values,
    ...(options.windows ? { windows: found.windows } : {}),
    unseen: [...unseen].map(({ value, windows, lost }) => ({
      name: windows ? `${value} as ${windows.weight} reads it` : value,
      reason: lost ?? 'no row made it, or the runtime cannot hand it out',
    })),
  }
  return { report, tensors: found.tensors }
}

/** Moments as a report has them, and the numbers that it refers to. */
class Found {
  readonly values: Record<string, MomentsReport['values'][string]> = {}
  readonly windows: Record<string, NonNullable<MomentsReport['windows']>[string]> = {}
  readonly tensors = new Map<string, NumericArray>()

  /** Takes in what was seen of one value; false where nothing can be told of it. */
  async add(seen: Observed): Promise<boolean> {
    const means = await seen.means()
    if (!means) return false
    const { mean, gram } = means
    const { value, windows, vectors } = seen
    const width = mean.length
    if (windows) {
      const { weight, parts, size } = windows
      const covariance = this.#keep(covarianceOf(gram!, mean, size), [parts, size, size])
      this.windows[weight] = { vectors, mean: this.#keep(mean, [parts, size]), covariance }
    } else {
      const meanAbs = this.#keep(mean, [width])
      this.values[value] = { vectors, meanAbs, ...(gram ? { gram: this.#keep(gram, [width, width]) } : {}) }
    }
    return true
  }

  #keep(numbers: Float64Array, shape: readonly number[]): TensorRef {
    const kept = Float32Array.from(numbers)
    const digest = sha256(new Uint8Array(kept.buffer))
    this.tensors.set(digest, kept)
    return { digest, dtype: 'float32', shape: [...shape] }
  }
}

/** Of means of xᵀ · x within each part, what is left without the means. */
const covarianceOf = (gram: Float64Array, mean: Float64Array, size: number): Float64Array =>
  gram.map((value, i) => {
    const row = Math.floor(i / size)
    return value - mean[row]! * mean[Math.floor(row / size) * size + (i % size)]!
  })
