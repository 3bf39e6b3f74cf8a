import { UserError } from '../platform/index.ts'
import type { Preprocessing } from './preprocessing.ts'
import type { Kernel, Size } from './resample.ts'

/** The name that such files have. */
export const CONFIG = 'preprocessor_config.json'

/** The numbers of Pillow's resampling filters, as `resample` gives them. */
const PILLOW_KERNELS: readonly Kernel[] = ['nearest', 'lanczos', 'linear', 'cubic', 'box', 'hamming']

interface EdgeSizes {
  readonly height?: number
  readonly width?: number
  readonly shortest_edge?: number
}

/**
 * Preprocessing from a Hugging Face `preprocessor_config.json`: `do_resize` (height and width, or the shortest edge),
 * `do_center_crop`, `do_rescale`, `do_normalize` and `resample`. What it asks for beyond that is told in notes.
 * Layout and dtype stay those of `base`.
 * Source: the image processors of transformers (fields and their defaults).
 */
export function fromPreprocessorConfig(
  config: Readonly<Record<string, unknown>>,
  base: Preprocessing,
  where: string,
): { spec: Preprocessing; notes: readonly string[] } {
  const notes: string[] = []
  if (
    !(
      'image_processor_type' in config ||
      'feature_extractor_type' in config ||
      'size' in config ||
      'image_mean' in config
    )
  )
    throw new UserError('bad-data', `"${where}" does not describe how images are prepared.`, {
      where,
      hint: 'It needs the fields of an image processor: size, image_mean, image_std, …; or use a dataset.json.',
    })
  const { resize: _, ...rest } = base
  const crops = config.do_center_crop === true
  const resize = config.do_resize === false ? undefined : resizeOf(config.size, crops, where)
  const crop = crops ? squareOf(config.crop_size ?? config.size, 'crop_size', where) : undefined
  const resample = typeof config.resample === 'number' ? config.resample : 2
  const kernel = PILLOW_KERNELS[resample]
  if (!kernel) notes.push(`Resampling filter ${resample} of "${where}" is not available: linear is used.`)
  for (const key of ['do_pad', 'do_reduce_labels'])
    if (config[key] === true) notes.push(`"${key}" of "${where}" is not done.`)
  if (typeof config.crop_pct === 'number' && !crops) notes.push(`"crop_pct" of "${where}" is not done.`)
  const normalizes = config.do_normalize !== false
  const rescales = config.do_rescale !== false
  return {
    spec: {
      ...rest,
      ...(resize === undefined ? {} : { resize }),
      ...(crop === undefined ? {} : { crop }),
      kernel: kernel ?? 'linear',
      channels: config.do_flip_channel_order === true ? 'bgr' : base.channels,
      scale: rescales ? (typeof config.rescale_factor === 'number' ? config.rescale_factor : 1 / 255) : 1,
      mean: normalizes ? numbersOf(config.image_mean, 'image_mean', [0], where) : [0],
      std: normalizes ? numbersOf(config.image_std, 'image_std', [1], where) : [1],
    },
    notes,
  }
}

function wrong(key: string, where: string): UserError {
  return new UserError('bad-data', `"${key}" in "${where}" cannot be understood.`, {
    where,
    hint: 'Give the same preparation in a dataset.json instead.',
  })
}

const isEdge = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0

function resizeOf(size: unknown, crops: boolean, where: string): Size | number | undefined {
  if (size === undefined) return undefined
  // A bare number is the shorter edge for processors that crop afterwards, and a square for the others.
  if (isEdge(size)) return crops ? size : [size, size]
  const { height, width, shortest_edge: shortest } = (size ?? {}) as EdgeSizes
  if (isEdge(height) && isEdge(width)) return [height, width]
  if (isEdge(shortest)) return shortest
  throw wrong('size', where)
}

function squareOf(size: unknown, key: string, where: string): Size {
  if (isEdge(size)) return [size, size]
  const { height, width, shortest_edge: shortest } = (size ?? {}) as EdgeSizes
  if (isEdge(height) && isEdge(width)) return [height, width]
  if (isEdge(shortest)) return [shortest, shortest]
  throw wrong(key, where)
}

function numbersOf(value: unknown, key: string, fallback: readonly number[], where: string): readonly number[] {
  if (value === undefined || value === null) return fallback
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0 || !list.every((item) => typeof item === 'number' && Number.isFinite(item)))
    throw wrong(key, where)
  return list as number[]
}
