import { clamp, type Picture } from './picture.ts'

/** Quantization steps of luminance and chrominance at quality 50. Source: ITU-T T.81 (1992), tables K.1 and K.2. */
const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
]
const CHROMINANCE = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99,
]

/** Row u, column x: cos((2x + 1)uπ/16), normalised, so that the transform is orthogonal. */
const COSINES = Float64Array.from({ length: 64 }, (_, i) => {
  const [u, x] = [Math.floor(i / 8), i % 8]
  return Math.cos(((2 * x + 1) * u * Math.PI) / 16) * (u === 0 ? Math.sqrt(1 / 8) : 0.5)
})

const TURNED = COSINES.map((_, i) => COSINES[(i % 8) * 8 + Math.floor(i / 8)]!)

/**
 * What an image loses as a JPEG file of this quality: 8 × 8 blocks, rounded coefficients, colour at half the resolution.
 * The file itself is not written (its coding loses nothing), so that no library's version can change the result.
 */
export function throughJpeg(picture: Picture, quality: number): Picture {
  const { height, width, planes } = picture
  if (planes.length !== 3)
    return {
      ...picture,
      planes: planes.map((plane) =>
        throughBlocks(
          plane.map((value) => 255 * value - 128),
          height,
          width,
          LUMINANCE,
          quality,
        ).map((value) => clamp(Math.round(value + 128) / 255)),
      ),
    }
  const [red, green, blue] = planes as readonly [Float64Array, Float64Array, Float64Array]
  const mixed = (r: number, g: number, b: number) =>
    red.map((value, i) => 255 * (r * value + g * green[i]! + b * blue[i]!))
  const luma = mixed(0.299, 0.587, 0.114).map((value) => value - 128)
  const chroma = [mixed(-0.168736, -0.331264, 0.5), mixed(0.5, -0.418688, -0.081312)]
  const y = throughBlocks(luma, height, width, LUMINANCE, quality).map((value) => value + 128)
  const [cb, cr] = chroma.map((plane) => throughHalf(plane, height, width, quality)) as [Float64Array, Float64Array]
  const level = (value: number) => clamp(Math.round(value) / 255)
  return {
    ...picture,
    planes: [
      y.map((value, i) => level(value + 1.402 * cr[i]!)),
      y.map((value, i) => level(value - 0.344136 * cb[i]! - 0.714136 * cr[i]!)),
      y.map((value, i) => level(value + 1.772 * cb[i]!)),
    ],
  }
}

/** Colour at half the resolution: means of 2 × 2 pixels, each repeated on the way back. */
function throughHalf(plane: Float64Array, height: number, width: number, quality: number): Float64Array {
  const [h, w] = [Math.ceil(height / 2), Math.ceil(width / 2)]
  const half = Float64Array.from({ length: h * w }, (_, i) => {
    const [y, x] = [2 * Math.floor(i / w), 2 * (i % w)]
    const [down, right] = [Math.min(height - 1, y + 1), Math.min(width - 1, x + 1)]
    return (
      (plane[y * width + x]! + plane[y * width + right]! + plane[down * width + x]! + plane[down * width + right]!) / 4
    )
  })
  const kept = throughBlocks(half, h, w, CHROMINANCE, quality)
  return plane.map((_, i) => kept[(Math.floor(i / width) >> 1) * w + ((i % width) >> 1)]!)
}

function throughBlocks(
  plane: Float64Array,
  height: number,
  width: number,
  table: readonly number[],
  quality: number,
): Float64Array {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality
  const steps = table.map((step) => Math.min(255, Math.max(1, Math.floor((step * scale + 50) / 100))))
  const result = new Float64Array(plane.length)
  const [block, middle] = [new Float64Array(64), new Float64Array(64)]
  for (let top = 0; top < height; top += 8)
    for (let left = 0; left < width; left += 8) {
      for (let i = 0; i < 64; i++)
        block[i] = plane[Math.min(height - 1, top + (i >> 3)) * width + Math.min(width - 1, left + (i & 7))]!
      // C · B · Cᵀ, rounded in steps, then Cᵀ · Q · C.
      product(COSINES, block, middle)
      product(middle, TURNED, block)
      for (let i = 0; i < 64; i++) block[i] = Math.round(block[i]! / steps[i]!) * steps[i]!
      product(TURNED, block, middle)
      product(middle, COSINES, block)
      for (let i = 0; i < 64; i++) {
        const [y, x] = [top + (i >> 3), left + (i & 7)]
        if (y < height && x < width) result[y * width + x] = block[i]!
      }
    }
  return result
}

/** Product of 8 × 8 matrices. */
function product(a: Float64Array, b: Float64Array, to: Float64Array): void {
  for (let i = 0; i < 64; i += 8)
    for (let j = 0; j < 8; j++) {
      let sum = 0
      for (let k = 0; k < 8; k++) sum += a[i + k]! * b[8 * k + j]!
      to[i + j] = sum
    }
}
