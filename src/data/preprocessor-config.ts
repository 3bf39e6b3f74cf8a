import { UserError } from '../platform/index.ts'
import type { Preprocessing } from './preprocessing.ts'
import type { Kernel, Size } from './resample.ts'

/** The name that such files have. */
export const CONFIG = 'preprocessor_config.json'

/** The numbers of Pillow's resampling filters, as `resample` gives them. */
const PILLOW_KERNELS: readonly Kernel[] = ['nearest', 'lanczos', 'linear', 'cubic', 'box', 'hamming']

/** Steps that are done, or that nothing has to be done for. */
const KNOWN_STEPS = [
  'do_resize',
  'do_center_crop',
  'do_rescale',
  'do_normalize',
  'do_flip_channel_order',
  'do_convert_rgb',
]

interface EdgeSizes {
  readonly height?: number
  readonly width?: number
  readonly shortest_edge?: number
  readonly longest_edge?: number
}

/**
 * Preprocessing from a Hugging Face `preprocessor_config.json`: `do_resize` (height and width, or the shortest edge and
 * the most that the longest may have; `crop_pct`), `do_center_crop`, `do_rescale` (`rescale_offset`), `do_normalize`
 * (`include_top`) and `resample`. What it asks for beyond that is told in notes.
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
  const sizes = sizesOf(config, where)
  const resample = typeof config.resample === 'number' ? config.resample : 2
  const kernel = PILLOW_KERNELS[resample]
  if (!kernel) notes.push(`Resampling filter ${resample} of "${where}" is not available: linear is used.`)
  for (const [key, value] of Object.entries(config))
    if ((/^do_/.test(key) && value === true && !KNOWN_STEPS.includes(key)) || key === 'size_divisor')
      notes.push(`"${key}" of "${where}" is not done.`)
  const normalizes = config.do_normalize !== false
  const rescales = config.do_rescale !== false
  const scale = rescales ? (typeof config.rescale_factor === 'number' ? config.rescale_factor : 1 / 255) : 1
  // The middle of the pixel values becomes 0.
  const offset = rescales && config.rescale_offset === true ? 127.5 * scale : 0
  const mean = normalizes ? numbersOf(config.image_mean, 'image_mean', [0], where) : [0]
  const std = normalizes ? numbersOf(config.image_std, 'image_std', [1], where) : [1]
  return {
    spec: {
      ...rest,
      ...sizes,
      kernel: kernel ?? 'linear',
      channels: config.do_flip_channel_order === true ? 'bgr' : base.channels,
      scale,
      mean: mean.map((value) => value + offset),
      // Divided by the deviation once more: what EfficientNet's classifiers were trained with.
      std: normalizes && config.include_top === true ? std.map((value) => value * value) : std,
    },
    notes,
  }
}

/** From this edge on, a processor that only knows `crop_pct` stretches to a square instead of cropping. */
const STRETCHED_FROM = 384

/** Resizing and cropping. */
function sizesOf(
  config: Readonly<Record<string, unknown>>,
  where: string,
): Pick<Preprocessing, 'resize' | 'longest' | 'crop'> {
  const crops = config.do_center_crop === true
  const crop = crops ? { crop: squareOf(config.crop_size ?? config.size, 'crop_size', where) } : {}
  if (config.do_resize === false || config.size === undefined) return crop
  const { crop_pct: share, max_size: most } = config
  if (typeof share === 'number' && share > 0) {
    const [edge, width] = squareOf(config.size, 'size', where)
    if (edge !== width) throw wrong('crop_pct', where)
    const whole = Math.floor(edge / share)
    if (crops) return { resize: whole, ...crop }
    return edge < STRETCHED_FROM ? { resize: whole, crop: [edge, edge] } : { resize: [edge, edge] }
  }
  const longest = isEdge(most) ? most : (config.size as EdgeSizes | null)?.longest_edge
  const resize = resizeOf(config.size, crops || isEdge(most), where)
  return { resize, ...(typeof resize === 'number' && isEdge(longest) ? { longest } : {}), ...crop }
}

function wrong(key: string, where: string): UserError {
  return new UserError('bad-data', `"${key}" in "${where}" cannot be understood.`, {
    where,
    hint: 'Give the same preparation in a dataset.json instead.',
  })
}

const isEdge = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0

function resizeOf(size: unknown, keepsShape: boolean, where: string): Size | number {
  // A bare number is the shorter edge for processors that crop or limit the longer one, and a square for the others.
  if (isEdge(size)) return keepsShape ? size : [size, size]
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
