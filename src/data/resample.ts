/** `[height, width]` in pixels. */
export type Size = readonly [height: number, width: number]

export const KERNELS = ['nearest', 'box', 'linear', 'hamming', 'cubic', 'lanczos'] as const
/** How pixels between others are made when a picture changes its size. */
export type Kernel = (typeof KERNELS)[number]

/** Decoded pixels, row-major, channels last, 8 bits each. */
export interface Pixels {
  readonly height: number
  readonly width: number
  /** 1 for a gray image, else 3: red, green, blue. */
  readonly channels: number
  readonly data: Uint8Array
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

/** Reach and weight of each filter, with the parameters that Pillow gives them (cubic: a = −0.5). */
const FILTERS: Readonly<Record<Exclude<Kernel, 'nearest'>, readonly [reach: number, weight: (x: number) => number]>> = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  linear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  hamming: [1, (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)))],
  cubic: [
    2,
    (x) => {
      const d = Math.abs(x)
      if (d < 1) return (1.5 * d - 2.5) * d * d + 1
      return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0
    },
  ],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
}

/** Weights are whole numbers in units of 2^−22, so that a sum over 8-bit pixels fits 32 bits, as in Pillow. */
const PRECISION = 22

interface Taps {
  readonly first: Int32Array
  readonly count: Int32Array
  /** `width` weights an output place, those beyond `count` being 0. */
  readonly weights: Int32Array
  readonly width: number
}

/**
 * Which input places make an output place, and with what weight. Pixel centres lie at half places. With `antialias` the
 * filter is stretched where the image shrinks, so that every pixel counts.
 */
function taps(from: number, to: number, kernel: Exclude<Kernel, 'nearest'>, antialias: boolean): Taps {
  const [reach, weight] = FILTERS[kernel]
  const scale = from / to
  const stretch = antialias ? Math.max(1, scale) : 1
  const support = reach * stretch
  const width = Math.ceil(support) * 2 + 1
  const first = new Int32Array(to)
  const count = new Int32Array(to)
  const weights = new Int32Array(to * width)
  for (let place = 0; place < to; place++) {
    const center = (place + 0.5) * scale
    const start = Math.max(0, Math.trunc(center - support + 0.5))
    const end = Math.min(from, Math.trunc(center + support + 0.5))
    const values = Array.from({ length: end - start }, (_, i) => weight((i + start - center + 0.5) / stretch))
    const sum = values.reduce((total, value) => total + value, 0) || 1
    first[place] = start
    count[place] = end - start
    for (const [i, value] of values.entries())
      weights[place * width + i] = Math.trunc((value / sum) * 2 ** PRECISION + (value < 0 ? -0.5 : 0.5))
  }
  return { first, count, weights, width }
}

/**
 * Resizes to `[height, width]`: across, then down, each rounded to 8 bits. Gives the same bytes on every machine.
 * Source: the resampling of Pillow (`Resample.c`), which image processors in Python use; with `antialias` off, linear is
 * that of OpenCV and of `torch.nn.functional.interpolate` up to rounding.
 */
export function resample(image: Pixels, [height, width]: Size, kernel: Kernel, antialias: boolean): Pixels {
  if (image.height === height && image.width === width) return image
  if (kernel === 'nearest') return nearest(image, height, width)
  const across = image.width === width ? image : acrossRows(image, width, taps(image.width, width, kernel, antialias))
  return image.height === height ? across : downColumns(across, height, taps(image.height, height, kernel, antialias))
}

function nearest({ height, width, channels, data }: Pixels, toHeight: number, toWidth: number): Pixels {
  const result = new Uint8Array(toHeight * toWidth * channels)
  for (let y = 0, at = 0; y < toHeight; y++) {
    const row = Math.min(height - 1, Math.floor(((y + 0.5) * height) / toHeight)) * width
    for (let x = 0; x < toWidth; x++) {
      const from = (row + Math.min(width - 1, Math.floor(((x + 0.5) * width) / toWidth))) * channels
      for (let channel = 0; channel < channels; channel++) result[at++] = data[from + channel]!
    }
  }
  return { height: toHeight, width: toWidth, channels, data: result }
}

const HALF = 1 << (PRECISION - 1)
const toByte = (sum: number) => {
  const value = sum >> PRECISION
  return value < 0 ? 0 : Math.min(value, 255)
}

function acrossRows(
  { height, width, channels, data }: Pixels,
  toWidth: number,
  { first, count, weights, width: span }: Taps,
): Pixels {
  const result = new Uint8Array(height * toWidth * channels)
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < toWidth; x++)
      for (let channel = 0; channel < channels; channel++) {
        let sum = HALF
        let from = (y * width + first[x]!) * channels + channel
        for (let i = x * span, end = i + count[x]!; i < end; i++, from += channels) sum += data[from]! * weights[i]!
        result[at++] = toByte(sum)
      }
  return { height, width: toWidth, channels, data: result }
}

function downColumns(
  { width, channels, data }: Pixels,
  toHeight: number,
  { first, count, weights, width: span }: Taps,
): Pixels {
  const line = width * channels
  const result = new Uint8Array(toHeight * line)
  const sums = new Int32Array(line)
  for (let y = 0; y < toHeight; y++) {
    sums.fill(HALF)
    for (let i = 0; i < count[y]!; i++) {
      const weight = weights[y * span + i]!
      const from = (first[y]! + i) * line
      for (let x = 0; x < line; x++) sums[x]! += data[from + x]! * weight
    }
    for (let x = 0; x < line; x++) result[y * line + x] = toByte(sums[x]!)
  }
  return { height: toHeight, width, channels, data: result }
}
