import { elementCount } from '../../ir/index.ts'

/** How a row lies as a picture: where channel, row and column are among its numbers. */
export interface Plane {
  readonly channels: number
  readonly rows: number
  readonly columns: number
  at(channel: number, row: number, column: number): number
}

/** Last axes this short are channels, where the first is longer. */
const MOST_CHANNELS = 4

/**
 * [C, H, W] as it stands, [H, W, C] where the last axis is short, [H, W] as one channel; a vector is laid out as the
 * squarest rectangle. More axes become channels.
 */
export function planeOf(rowShape: readonly number[]): Plane {
  const sizes = rowShape.filter((size) => size !== 1)
  if (sizes.length >= 3) {
    const [first, last] = [sizes[0]!, sizes.at(-1)!]
    if (sizes.length === 3 && last <= MOST_CHANNELS && first > MOST_CHANNELS) return lastChannels(sizes)
    return firstChannels(sizes)
  }
  if (sizes.length === 2) return firstChannels([1, ...sizes])
  const length = sizes[0] ?? 1
  let rows = Math.floor(Math.sqrt(length))
  while (length % rows !== 0) rows--
  return firstChannels([1, rows, length / rows])
}

function firstChannels(sizes: readonly number[]): Plane {
  const [rows, columns] = sizes.slice(-2) as [number, number]
  const channels = elementCount(sizes.slice(0, -2))
  return { channels, rows, columns, at: (channel, row, column) => (channel * rows + row) * columns + column }
}

function lastChannels([rows, columns, channels]: readonly number[]): Plane {
  return {
    channels: channels!,
    rows: rows!,
    columns: columns!,
    at: (channel, row, column) => (row * columns! + column) * channels! + channel,
  }
}
