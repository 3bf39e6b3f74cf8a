import type { Cell } from './table.ts'

/** How a file's bytes become a fixed number of integers: some from its beginning, some from its end. */
export interface ByteWindow {
  readonly begin: number
  readonly end: number
  /** Stands where the file is too short. */
  readonly padding: number
  /** Only so many bytes at either end are looked at. */
  readonly block: number
  /** Whether white space is dropped at the outer ends of the blocks. */
  readonly strip: boolean
}

export const MAGIKA_WINDOW: ByteWindow = { begin: 1024, end: 1024, padding: 256, block: 4096, strip: true }

const isSpace = (byte: number | undefined) => byte === 32 || (byte !== undefined && byte >= 9 && byte <= 13)

/**
 * `begin` + `end` int32 values: the first bytes, padded behind, then the last ones, padded in front.
 * Source: feature extraction of Magika, version 3 of its models.
 */
export function byteWindow(bytes: Uint8Array, { begin, end, padding, block, strip }: ByteWindow): Cell {
  const head = bytes.subarray(0, block)
  const tail = bytes.subarray(Math.max(0, bytes.length - block))
  let from = 0
  let to = tail.length
  if (strip) {
    while (from < head.length && isSpace(head[from])) from++
    while (to > 0 && isSpace(tail[to - 1])) to--
  }
  const data = new Int32Array(begin + end).fill(padding)
  data.set(head.subarray(from, from + begin))
  const last = tail.subarray(Math.max(0, to - end), to)
  data.set(last, begin + end - last.length)
  return { dims: [begin + end], data }
}
