import type { DType, Shape } from '../ir/index.ts'
import type { InputWish } from './assign-roles.ts'
import type { Kernel, Size } from './resample.ts'

/** How an image file becomes an input: resize or letterbox, crop, channels, then (pixel · scale − mean) / std. */
export interface Preprocessing {
  /** Exactly `[height, width]`, or the length of the shorter edge. */
  readonly resize?: Size | number
  /** Where `resize` is the shorter edge: the most that the longer one may have, for which the image shrinks further. */
  readonly longest?: number
  /** Fits the whole image into `size` and pads what is left with the pixel value `pad`. */
  readonly letterbox?: { readonly size: Size; readonly pad: number; readonly align: 'center' | 'top-left' }
  /** Cut out of the middle, after resizing; black where the image is smaller. */
  readonly crop?: Size
  readonly kernel: Kernel
  /** Whether every pixel counts where an image shrinks, as in Pillow; OpenCV looks at the nearest few only. */
  readonly antialias: boolean
  readonly channels: 'rgb' | 'bgr' | 'gray'
  readonly scale: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly layout: 'nchw' | 'nhwc'
  readonly dtype: DType
}

export const KEEP_AS_IS: Preprocessing = {
  kernel: 'linear',
  antialias: true,
  channels: 'rgb',
  scale: 1 / 255,
  mean: [0],
  std: [1],
  layout: 'nchw',
  dtype: 'float32',
}

export const channelCount = ({ channels }: Preprocessing) => (channels === 'gray' ? 1 : 3)

/** Height and width after preprocessing; null where they are the image's own. */
export function outputSize({ crop, letterbox, resize }: Preprocessing): Size | null {
  return crop ?? letterbox?.size ?? (typeof resize === 'object' ? resize : null)
}

/** Shape of one preprocessed image. */
export function imageShape(spec: Preprocessing): readonly (number | null)[] {
  const [height, width] = outputSize(spec) ?? [null, null]
  const channels = channelCount(spec)
  return spec.layout === 'nchw' ? [channels, height, width] : [height, width, channels]
}

/** Value that each pixel value 0 … 255 becomes, by channel. */
export function pixelValues(spec: Preprocessing): readonly Float64Array[] {
  return Array.from({ length: channelCount(spec) }, (_, channel) => {
    const mean = spec.mean[channel % spec.mean.length]!
    const std = spec.std[channel % spec.std.length]!
    return Float64Array.from({ length: 256 }, (_, pixel) => (pixel * spec.scale - mean) / std)
  })
}

/** The values that black and white become, by channel. */
export function pixelRanges(spec: Preprocessing): readonly (readonly [number, number])[] {
  return pixelValues(spec).map((values) => [values[0]!, values[255]!] as const)
}

/** The smallest and largest value that any pixel can become. */
export function pixelDomain(spec: Preprocessing): readonly [number, number] {
  const ends = pixelValues(spec).flatMap((values) => [values[0]!, values[255]!])
  return [Math.min(...ends), Math.max(...ends)]
}

/** What can be told from the model's input alone: layout, channels and size; pixels scaled to 0 … 1. */
export function inferPreprocessing(input: InputWish | undefined): { spec: Preprocessing; note: string } {
  const shape = input?.shape
  if (!input || shape?.length !== 4)
    return { spec: KEEP_AS_IS, note: 'Images keep their size: RGB, channels first, pixels scaled to 0–1.' }
  const layout = layoutOf(shape)
  const [, a, b, c] = shape
  const [channels, height, width] = layout === 'nchw' ? [a, b, c] : [c, a, b]
  const raw = input.dtype === 'uint8'
  const spec: Preprocessing = {
    ...KEEP_AS_IS,
    layout,
    channels: channels === 1 ? 'gray' : 'rgb',
    scale: raw ? 1 : 1 / 255,
    dtype: raw ? 'uint8' : 'float32',
    ...(typeof height === 'number' && typeof width === 'number' ? { resize: [height, width] as const } : {}),
  }
  const size = spec.resize ? `stretched to ${height}×${width}` : 'in their own size'
  const note =
    `Preprocessing was inferred from the input "${input.name}": ${spec.channels === 'gray' ? 'gray' : 'RGB'}, ` +
    `${layout === 'nchw' ? 'channels first' : 'channels last'}, ${size}, pixels ${raw ? 'as they are' : 'scaled to 0–1'}. ` +
    'If the model was trained otherwise (YOLO models on letterboxed images, for example), say so in a dataset.json in this folder: docs/datasets.md has examples.'
  return { spec, note }
}

const layoutOf = (shape: Shape) =>
  (shape[3] === 1 || shape[3] === 3) && shape[1] !== 1 && shape[1] !== 3 ? ('nhwc' as const) : ('nchw' as const)
