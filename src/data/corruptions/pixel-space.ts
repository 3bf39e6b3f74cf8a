import { type DType, type NumericArray, tensorOf, toNumbers } from '../../ir/index.ts'
import { clamp, type Picture } from './picture.ts'

/** How the numbers of a tensor are pixels: where the channels lie, and which values are black and white in each. */
export interface PixelSpace {
  readonly channelsFirst: boolean
  readonly channels: number
  /** [value of black, value of white] by channel; one pair serves all. */
  readonly ranges: readonly (readonly [number, number])[]
}

/** Where the channels of an image-shaped row lie; null for a row that is no image (leading axes of 1 are passed over). */
export function channelsOf(rowShape: readonly (number | null)[]): { channelsFirst: boolean; channels: number } | null {
  const shape = rowShape.length === 4 && rowShape[0] === 1 ? rowShape.slice(1) : rowShape
  if (shape.length !== 3) return null
  const [first, , last] = shape
  const few = (size: number | null | undefined) => size === 1 || size === 3 || size === 4
  if (few(first)) return { channelsFirst: true, channels: first }
  return few(last) ? { channelsFirst: false, channels: last } : null
}

/** The pixels of one row, 0 to 1 by the space's ranges; values outside stay outside. */
export function toPicture(
  values: ArrayLike<number>,
  rowShape: readonly number[],
  { channelsFirst, channels, ranges }: PixelSpace,
): Picture {
  const sizes = rowShape.slice(-3)
  const [height, width] = channelsFirst ? [sizes[1]!, sizes[2]!] : [sizes[0]!, sizes[1]!]
  const area = height * width
  const planes = Array.from({ length: channels }, (_, channel) => {
    const [low, high] = ranges[channel % ranges.length]!
    const [start, step] = channelsFirst ? [channel * area, 1] : [channel, channels]
    const plane = new Float64Array(area)
    for (let i = 0; i < area; i++) plane[i] = (values[start + i * step]! - low) / (high - low)
    return plane
  })
  return { height, width, planes }
}

/**
 * The row of a corrupted picture: clipped to black and white and, as an image file would hold it, rounded to 256 levels,
 * unless `exact`.
 */
export function fromPicture(picture: Picture, { channelsFirst, ranges }: PixelSpace, exact = false): Float64Array {
  const { height, width, planes } = picture
  const area = height * width
  const result = new Float64Array(area * planes.length)
  for (const [channel, plane] of planes.entries()) {
    const [low, high] = ranges[channel % ranges.length]!
    const [start, step] = channelsFirst ? [channel * area, 1] : [channel, planes.length]
    for (let i = 0; i < area; i++) {
      const value = clamp(plane[i]!)
      result[start + i * step] = low + (exact ? value : Math.round(value * 255) / 255) * (high - low)
    }
  }
  return result
}

/** Elements of any numeric type as numbers. */
export function numbersIn(data: NumericArray, dtype: DType): ArrayLike<number> {
  if (dtype === 'float16' || dtype === 'bfloat16') return toNumbers(tensorOf(dtype, [data.length], data))
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number)
  return data as Float32Array
}
