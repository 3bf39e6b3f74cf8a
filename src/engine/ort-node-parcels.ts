import { bytesOfValue, valueOfBytes } from './byte-values.ts'
import { layOut, type TensorPlace, tensorsIn } from './ort-node-frames.ts'
import type { SharedPages } from './ort-node-shared-pages.ts'
import type { Feeds } from './session.ts'

/**
 * A request or an answer on its way between a runtime process and the one that started it. Large values do not travel in
 * the message, which is made, written, put together and taken apart on both ends, and whose memory makes the collector
 * mark the whole heap every few rows: they lie in the shared pages of the two.
 */
export interface Parcel<T> {
  /** Without its values where they lie in the pages. */
  readonly body: T
  readonly values?: PlacedValues
  /** Places of the other end that have been read since its last parcel. */
  readonly freed?: readonly number[]
}

interface PlacedValues {
  /** What the body calls them. */
  readonly as: Holder
  readonly tensors: readonly TensorPlace[]
  readonly pages: readonly [at: number, bytes: number]
}

/** Where requests and answers hold values. */
const HOLDERS = ['feeds', 'fetched'] as const
type Holder = (typeof HOLDERS)[number]

/** From here on, both ends take less with a write and a read of a file than with the message alone (measured: 8 to 12 KB). */
const ELSEWHERE_BYTES = 1 << 14

/** Makes a parcel; without `pages`, or where there is no room in them, everything is in its body. */
export function pack<T extends object | null>(pages: SharedPages | null, body: T): Parcel<T> {
  if (!pages) return { body }
  const news = pages.news()
  for (const as of HOLDERS) {
    const values = (body as Partial<Record<Holder, Feeds | null>> | null)?.[as]
    if (!values || bytesOf(values) < ELSEWHERE_BYTES) continue
    const { pieces, bytes, places } = layOut(Object.entries(values).map(([name, value]) => bytesOfValue(name, value)))
    const at = pages.put(pieces, bytes)
    if (at !== null)
      return { body: { ...body, [as]: null }, values: { as, tensors: places, pages: [at, bytes] }, ...news }
  }
  return { body, ...news }
}

/**
 * What was packed. Values are read into the memory that `memory` gives, by default memory of their own: one piece for all
 * of them.
 */
export function unpack<T extends object | null>(
  pages: SharedPages | null,
  { body, values, freed }: Parcel<T>,
  memory?: (bytes: number) => Buffer<ArrayBuffer>,
): T {
  if (freed) pages?.free(freed)
  if (!values) return body
  const [at, bytes] = values.pages
  const tensors = tensorsIn(pages!.read(at, bytes, memory?.(bytes)), values.tensors)
  return { ...body, [values.as]: Object.fromEntries(tensors.map((tensor) => [tensor.name, valueOfBytes(tensor)])) }
}

/** Texts do not count: they go where the numbers beside them go. */
function bytesOf(values: Feeds): number {
  let bytes = 0
  for (const { data } of Object.values(values)) if (ArrayBuffer.isView(data)) bytes += data.byteLength
  return bytes
}
