import { arrayTypeOf } from '../ir/index.ts'
import { channelCount, imageShape, outputSize, type Preprocessing, pixelValues } from './preprocessing.ts'
import { type Pixels, resample, type Size } from './resample.ts'
import type { Cell } from './table.ts'

export const IMAGE_ENDINGS = [
  ...['jpg', 'jpeg', 'jfif', 'jpe', 'png', 'webp', 'gif', 'avif', 'tif', 'tiff', 'svg'],
  // Kinds that are not decoded, but hardly lie there to be passed over.
  ...['bmp', 'heic', 'heif'],
]

/**
 * Decodes an image file's bytes and prepares it. Orientation marks (EXIF) are applied, transparency is dropped, deeper
 * pixels are brought to 8 bits, inks (CMYK) to colours. Throws an Error that says why for bytes that are no image.
 */
export async function decodeImage(bytes: Uint8Array, spec: Preprocessing): Promise<Cell> {
  const decoded = await decodePixels(bytes)
  const target = targetSize([decoded.height, decoded.width], spec)
  const resized = target ? resample(decoded, target, spec.kernel, spec.antialias) : decoded
  const { crop, letterbox } = spec
  // Of an odd border, the smaller half goes first, as YOLO's letterbox has it.
  const border = letterbox?.align === 'top-left' ? () => 0 : (spare: number) => Math.trunc(spare / 2)
  const padded = letterbox ? place(resized, letterbox.size, letterbox.pad, border) : resized
  return toCell(crop ? place(padded, crop, 0, (spare) => Math.floor(spare / 2)) : padded, spec)
}

async function decodePixels(bytes: Uint8Array): Promise<Pixels> {
  // Loaded when the first image is: tables do without the native library. It only decodes; its own enlarging shifts
  // images by half a pixel against what models are trained with (seen in 0.35).
  if (bytes.length === 0) throw new Error('it is empty')
  const { default: sharp } = await import('sharp')
  // A colour profile in the file is left alone, as Pillow and OpenCV do, by whose pixels models are trained.
  const image = sharp(bytes, { failOn: 'error', pages: 1, ignoreIcc: true }).autoOrient().removeAlpha()
  try {
    // Asked for colours, the library prints the inks through a profile of its own: up to 100 levels from Pillow's.
    const inks = mayHoldInks(bytes) && (await image.metadata()).space === 'cmyk'
    if (inks) image.pipelineColourspace('cmyk')
    const raw = image.toColourspace(inks ? 'cmyk' : 'srgb').raw({ depth: 'uchar' })
    const { data, info } = await raw.toBuffer({ resolveWithObject: true })
    const { height, width, channels } = info
    return inks ? { height, width, channels: 3, data: inksToColours(data) } : { height, width, channels, data }
  } catch (cause) {
    throw new Error(inPlainWords(cause instanceof Error ? cause.message : String(cause), bytes), { cause })
  }
}

/** Whether the bytes are of a kind that can hold inks (JPEG, TIFF); a look into the header costs a fifth of a small image. */
const mayHoldInks = ([first, second]: Uint8Array) =>
  (first === 0xff && second === 0xd8) || (first === second && (first === 0x49 || first === 0x4d))

/**
 * Cyan, magenta, yellow and black, 255 being all of an ink, as red, green and blue: (255 − ink)·(255 − black)/255, as
 * Pillow rounds it.
 */
function inksToColours(inks: Uint8Array): Uint8Array {
  const colours = new Uint8Array((inks.length / 4) * 3)
  for (let from = 0, to = 0; from < inks.length; from += 4) {
    const white = 255 - inks[from + 3]!
    for (let ink = 0; ink < 3; ink++) colours[to++] = Math.max(0, white - Math.round((inks[from + ink]! * white) / 255))
  }
  return colours
}

/** Kinds that are common, and that the library was built without: what their bytes hold, and where. */
const UNREAD_KINDS: readonly (readonly [name: string, at: number, mark: string])[] = [
  ['BMP', 0, 'BM'],
  ['HEIC', 4, 'ftypheic'],
  ['HEIF', 4, 'ftypmif1'],
]

/** The decoder's reason, where it is known to tell nobody anything. */
function inPlainWords(reason: string, bytes: Uint8Array): string {
  const unread = UNREAD_KINDS.find(
    ([, at, mark]) => String.fromCharCode(...bytes.subarray(at, at + mark.length)) === mark,
  )
  if (unread) return `${unread[0]} is not decoded: save it as PNG`
  if (/unsupported image format/.test(reason)) return 'it is no image of a kind that can be decoded'
  if (/Unknown error|premature end|truncated|read error/i.test(reason)) return 'it is cut off or damaged'
  return reason
}

/** Height and width to resize to; null to keep the image's own. */
function targetSize([height, width]: Size, { resize, longest, letterbox }: Preprocessing): Size | null {
  if (letterbox) {
    const ratio = Math.min(letterbox.size[0] / height, letterbox.size[1] / width)
    return [Math.max(1, Math.round(height * ratio)), Math.max(1, Math.round(width * ratio))]
  }
  if (typeof resize !== 'number') return resize ?? null
  const [least, most] = [Math.min(height, width), Math.max(height, width)]
  const shorter =
    longest && (most / least) * resize > longest ? Math.max(1, Math.round((longest * least) / most)) : resize
  const longer = Math.max(shorter, Math.floor((shorter * most) / least))
  return height <= width ? [shorter, longer] : [longer, shorter]
}

/** Brings an image to another size: cuts what stands out, pads what lacks; `before` says how much of it comes first. */
function place(image: Pixels, [height, width]: Size, pad: number, before: (spare: number) => number): Pixels {
  if (image.height === height && image.width === width) return image
  const { channels } = image
  const top = before(image.height - height)
  const left = before(image.width - width)
  const data = new Uint8Array(height * width * channels).fill(pad)
  const fromX = Math.max(0, left)
  const toX = Math.min(image.width, left + width)
  for (let y = Math.max(0, top); y < Math.min(image.height, top + height); y++) {
    const row = image.data.subarray((y * image.width + fromX) * channels, (y * image.width + toX) * channels)
    data.set(row, ((y - top) * width + fromX - left) * channels)
  }
  return { height, width, channels, data }
}

/** Decoded pixels have three channels, of gray files too. */
function toCell({ height, width, data }: Pixels, spec: Preprocessing): Cell {
  const channels = channelCount(spec)
  const pixels = height * width
  const values = pixelValues(spec)
  const result = new (arrayTypeOf(spec.dtype))(pixels * channels) as Float32Array
  const first = spec.layout === 'nchw'
  for (let channel = 0; channel < channels; channel++) {
    const table = values[channel]!
    const source = spec.channels === 'bgr' ? 2 - channel : channel
    const start = first ? channel * pixels : channel
    const step = first ? 1 : channels
    for (let i = 0, to = start; i < pixels; i++, to += step)
      result[to] = table[channels === 1 ? luma(data, i * 3) : data[i * 3 + source]!]!
  }
  const shape = imageShape(spec)
  const dims = outputSize(spec) ? (shape as number[]) : first ? [channels, height, width] : [height, width, channels]
  return { dims, data: result }
}

/** Brightness of an RGB pixel in gamma space, as Pillow's mode "L" rounds it. Source: ITU-R BT.601. */
function luma(data: Uint8Array, at: number): number {
  return (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16
}
