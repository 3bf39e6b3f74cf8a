import type { Dataset } from '../data/index.ts'
import type { NumericArray } from '../ir/index.ts'

/** A small picture of a row's input: 8 bits a channel, grey or RGB, row by row. */
export interface RowPicture {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly pixels: Uint8Array
}

/** Longer sides are averaged down to this. */
const MOST_PIXELS = 96
/** Less than this on a side is no picture. */
const FEWEST_PIXELS = 8

/**
 * Pictures of rows whose input has the shape of an image ([C,H,W], [H,W,C] or [H,W], one or three channels), as the
 * model sees it: after preprocessing, stretched from its least to its greatest value. Rows that are no images have none.
 */
export async function rowPictures(data: Dataset, rows: readonly number[]): Promise<ReadonlyMap<number, RowPicture>> {
  const pictures = new Map<number, RowPicture>()
  const field = data.fields.find(
    ({ role, dtype, rowShape }) => role === 'input' && dtype !== 'string' && layoutOf(rowShape),
  )
  if (!field || rows.length === 0) return pictures
  const indices = [...new Set(rows)].sort((a, b) => a - b)
  for await (const { indices: found, columns } of data.read({ indices, batch: 1, fields: [field.name] })) {
    const { dims, data: values } = columns[field.name]!
    const picture = ArrayBuffer.isView(values) ? pictureOf(dims.slice(1), values) : null
    if (picture) pictures.set(found[0]!, picture)
  }
  return pictures
}

interface Layout {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /** Distance between neighbours in the array. */
  readonly step: { readonly x: number; readonly y: number; readonly channel: number }
}

function layoutOf(dims: readonly (number | null)[]): Layout | null {
  const large = (size: number | null | undefined): size is number => typeof size === 'number' && size >= FEWEST_PIXELS
  const channels = (size: number | null | undefined): size is 1 | 3 => size === 1 || size === 3
  const [a, b, c] = dims
  if (dims.length === 2 && large(a) && large(b))
    return { height: a, width: b, channels: 1, step: { x: 1, y: b, channel: 0 } }
  if (dims.length !== 3) return null
  if (channels(a) && large(b) && large(c))
    return { height: b, width: c, channels: a, step: { x: 1, y: c, channel: b * c } }
  if (large(a) && large(b) && channels(c))
    return { height: a, width: b, channels: c, step: { x: c, y: b * c, channel: 1 } }
  return null
}

/**
 * The values of one row as a picture, where its shape is that of an image; from `range`, or from its least to its
 * greatest value.
 */
export function pictureOf(
  dims: readonly number[],
  values: NumericArray,
  range?: readonly [number, number],
): RowPicture | null {
  const layout = layoutOf(dims)
  if (!layout) return null
  const { width, height, channels, step } = layout
  const scale = Math.max(1, Math.max(width, height) / MOST_PIXELS)
  const [w, h] = [Math.max(1, Math.round(width / scale)), Math.max(1, Math.round(height / scale))]
  const means = new Float64Array(w * h * channels)
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let channel = 0; channel < channels; channel++) {
        let [sum, count] = [0, 0]
        for (
          let v = Math.floor((y * height) / h);
          v < Math.max(Math.floor((y * height) / h) + 1, ((y + 1) * height) / h);
          v++
        )
          for (
            let u = Math.floor((x * width) / w);
            u < Math.max(Math.floor((x * width) / w) + 1, ((x + 1) * width) / w);
            u++
          ) {
            sum += Number(values[v * step.y + u * step.x + channel * step.channel])
            count++
          }
        means[(y * w + x) * channels + channel] = sum / count
      }
  let [least, most] = range ?? [Infinity, -Infinity]
  for (const value of range ? [] : means)
    if (Number.isFinite(value)) {
      least = Math.min(least, value)
      most = Math.max(most, value)
    }
  const span = most - least
  const pixels = Uint8Array.from(means, (value) =>
    Number.isFinite(value) && span > 0 ? Math.min(255, Math.max(0, Math.round((255 * (value - least)) / span))) : 0,
  )
  return { width: w, height: h, channels, pixels }
}
