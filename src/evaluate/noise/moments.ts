import { type Dataset, spreadRows } from '../../data/index.ts'
import type { Session, TensorValue } from '../../engine/index.ts'
import type { NumericArray } from '../../ir/index.ts'
import { sha256 } from '../../platform/index.ts'
import type { MomentsReport, TensorRef } from '../../report/index.ts'
import { CALIBRATION_ROWS } from '../calibration/calibrate.ts'
import { feedsOf, rowsPerRun } from '../feeds.ts'
import { fewGroups } from '../few-groups.ts'

export interface MomentsOptions {
  /** Values to look at: [.., K], the last axis being the channels. */
  readonly names: readonly string[]
  /** Also XᵀX, K² numbers a value; without it, mean magnitudes alone. */
  readonly gram: boolean
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

class Observed {
  vectors = 0
  width = 0
  sum = new Float64Array(0)
  gram = new Float64Array(0)

  /** Adds vectors [n, K]. XᵀX is symmetric, so only its upper half is added up. */
  add(values: Float32Array, width: number, withGram: boolean): void {
    if (this.width === 0) {
      this.width = width
      this.sum = new Float64Array(width)
      if (withGram) this.gram = new Float64Array(width * width)
    }
    for (let from = 0; from < values.length; from += width) {
      for (let i = 0; i < width; i++) {
        const value = values[from + i]!
        this.sum[i]! += Math.abs(value)
        if (!withGram || value === 0) continue
        const row = i * width
        for (let j = i; j < width; j++) this.gram[row + j]! += value * values[from + j]!
      }
      this.vectors++
    }
  }
}

/**
 * Second moments of inner values over the rows of a data set: the mean magnitude of each channel and, where asked, the
 * mean of xxᵀ over all vectors x along the last axis. Rows stream; memory is plain inference, the budget, and K² numbers
 * a value. Values that no run hands out as float32 with one width, or that hold numbers that are not finite, are listed
 * as unseen.
 */
export async function measureMoments(session: Session, data: Dataset, options: MomentsOptions): Promise<Moments> {
  const samples = options.samples ?? CALIBRATION_ROWS
  const indices = spreadRows(data, options.indices, samples)
  const batch = rowsPerRun(session.inputs, data, 1)
  const observed = new Map(options.names.map((name) => [name, new Observed()]))
  const lost = new Map<string, string>()
  const ports = new Set(session.inputs.map((port) => port.name))
  const inner = options.names.filter((name) => !ports.has(name))
  const read = () => data.read({ indices, batch })
  const look = (name: string, value: TensorValue | undefined) => {
    const width = value?.dims.at(-1) ?? 0
    const known = observed.get(name)!
    if (value?.dtype !== 'float32' || width === 0) lost.set(name, 'the runtime could not hand it out as float32')
    else if (known.width !== 0 && known.width !== width) lost.set(name, 'its width differs between rows')
    else known.add(value.data as Float32Array, width, options.gram)
  }
  const tensors = new Map<string, NumericArray>()
  const values: Record<string, MomentsReport['values'][string]> = {}
  const keep = (numbers: Float32Array, shape: readonly number[]): TensorRef => {
    const digest = sha256(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength))
    tensors.set(digest, numbers)
    return { digest, dtype: 'float32', shape: [...shape] }
  }
  /** Sums become what the report refers to as soon as their rows are through, so that one group's stand at a time. */
  const finish = (name: string) => {
    const { vectors, width, sum, gram } = observed.get(name)!
    observed.delete(name)
    if (sum.some((value) => !Number.isFinite(value))) lost.set(name, 'some of its elements are not finite')
    if (vectors === 0 || lost.has(name)) return
    const mean = Float32Array.from(sum, (value) => value / vectors)
    values[name] = {
      vectors,
      meanAbs: keep(mean, [width]),
      ...(options.gram ? { gram: keep(mirrored(gram, width, vectors), [width, width]) } : {}),
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
      if (turn === 0) for (const name of options.names) if (ports.has(name)) look(name, feeds[name])
      const fetched = group.length > 0 ? await session.run(feeds, group) : {}
      for (const name of group) look(name, fetched[name])
      done += rows.indices.length
      options.onRow?.(done, indices.length)
    }
    for (const name of [
      ...(groups?.[turn] ?? []),
      ...(turn === 0 ? options.names.filter((one) => ports.has(one)) : []),
    ])
      finish(name)
  }
  for (const name of options.names)
    if (!(name in values) && !lost.has(name)) lost.set(name, 'no row made it, or the runtime cannot hand it out')
  const report: MomentsReport = {
    kind: 'moments',
    version: 1,
    samples: done,
    dataDigest: await data.digest(),
    values,
    unseen: [...lost].map(([name, reason]) => ({ name, reason })),
  }
  return { report, tensors }
}

function mirrored(upper: Float64Array, width: number, vectors: number): Float32Array {
  const full = new Float32Array(width * width)
  for (let i = 0; i < width; i++)
    for (let j = i; j < width; j++) {
      const mean = upper[i * width + j]! / vectors
      full[i * width + j] = mean
      full[j * width + i] = mean
    }
  return full
}
