import { boxReduce, gaussianBlur, type Size, valueAt } from './filters.ts'
import { throughJpeg } from './jpeg.ts'
import { clamp, mapPlanes, type Picture, pixelScale } from './picture.ts'
import type { SeededDraws } from './seeded-draws.ts'

/** Every channel is drawn towards its mean. */
export function contrast(picture: Picture, severity: number): Picture {
  const factor = [0.4, 0.3, 0.2, 0.1, 0.05][severity - 1]!
  return mapPlanes(picture, (plane) => {
    const mean = plane.reduce((sum, value) => sum + value, 0) / plane.length
    return plane.map((value) => clamp((value - mean) * factor + mean))
  })
}

/** The picture is stretched: a random affine map, then displacements that vary smoothly. */
export function elasticTransform(picture: Picture, severity: number, draws: SeededDraws): Picture {
  // Lengths as multiples of 244 pixels of a 224-pixel image, as in the original.
  const constants = [
    [2, 0.7, 0.1],
    [2, 0.08, 0.2],
    [0.05, 0.01, 0.02],
    [0.07, 0.01, 0.02],
    [0.12, 0.01, 0.02],
  ] as const
  const [alpha, sigma, shake] = constants[severity - 1]!
  const scale = pixelScale(picture)
  const { height, width } = picture
  const source = affine(picture, shake * 244 * scale, draws)
  // Smoothing white noise divides it by its width in pixels, so the factor grows with the square of the scale.
  const field = () => smoothField(picture, sigma * 244 * scale, alpha * 244 * scale * scale, draws)
  const [down, right] = [field(), field()]
  return mapPlanes(picture, (plane) => {
    const result = new Float64Array(plane.length)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const i = y * width + x
        const [fromY, fromX] = source(y + down[i]!, x + right[i]!)
        result[i] = clamp(valueAt(plane, picture, mirrored(fromY, height), mirrored(fromX, width)))
      }
    return result
  })
}

/** Where a pixel of the result comes from: three corners about the middle are moved by up to `shake` pixels. */
function affine({ height, width }: Size, shake: number, draws: SeededDraws) {
  const reach = Math.max(1, Math.floor(Math.min(height, width) / 3))
  const [cy, cx] = [Math.floor(height / 2), Math.floor(width / 2)]
  const corners = [
    [cy + reach, cx + reach],
    [cy - reach, cx + reach],
    [cy - reach, cx - reach],
  ] as const
  const limit = Math.min(shake, reach * 0.6)
  const moved = corners.map(([y, x]) => [y + limit * (2 * draws.uniform() - 1), x + limit * (2 * draws.uniform() - 1)])
  const [a, b, c] = moved as [number[], number[], number[]]
  // The map that takes the moved corners back: solved from the two edges that meet in the second corner.
  const [e1y, e1x] = [a[0]! - b[0]!, a[1]! - b[1]!]
  const [e2y, e2x] = [c[0]! - b[0]!, c[1]! - b[1]!]
  const determinant = e1y * e2x - e1x * e2y
  return (y: number, x: number): readonly [number, number] => {
    const [py, px] = [y - b[0]!, x - b[1]!]
    const along = (py * e2x - px * e2y) / determinant
    const across = (e1y * px - e1x * py) / determinant
    return [corners[1][0] + along * 2 * reach, corners[1][1] - across * 2 * reach]
  }
}

/**
 * White noise in [−1, 1) blurred with σ and multiplied by `factor`. A wide blur is done on a coarser grid, whose noise is
 * weaker by the same factor as the grid is coarser; the field between is bilinear.
 */
function smoothField(size: Size, sigma: number, factor: number, draws: SeededDraws): Float64Array {
  const coarser = Math.max(1, Math.floor(sigma / 3))
  const small = { height: Math.ceil(size.height / coarser) + 1, width: Math.ceil(size.width / coarser) + 1 }
  const noise = Float64Array.from({ length: small.height * small.width }, () => 2 * draws.uniform() - 1)
  const smooth = gaussianBlur(noise, small, sigma / coarser)
  const result = new Float64Array(size.height * size.width)
  for (let y = 0; y < size.height; y++)
    for (let x = 0; x < size.width; x++)
      result[y * size.width + x] = (factor / coarser) * valueAt(smooth, small, y / coarser, x / coarser)
  return result
}

/** Beyond the border the picture is seen as in a mirror. */
function mirrored(place: number, length: number): number {
  if (length === 1) return 0
  const period = 2 * (length - 1)
  const inside = ((place % period) + period) % period
  return inside < length ? inside : period - inside
}

/** Few large pixels. */
export function pixelate(picture: Picture, severity: number): Picture {
  const share = [0.6, 0.5, 0.4, 0.3, 0.25][severity - 1]!
  const { height, width } = picture
  const small = { height: Math.max(1, Math.floor(height * share)), width: Math.max(1, Math.floor(width * share)) }
  return mapPlanes(picture, (plane) => {
    const reduced = boxReduce(plane, picture, small)
    return plane.map((_, i) => {
      const y = Math.floor(((Math.floor(i / width) + 0.5) * small.height) / height)
      const x = Math.floor((((i % width) + 0.5) * small.width) / width)
      return reduced[y * small.width + x]!
    })
  })
}

/** Compressed and decompressed as JPEG, of quality 25 to 7. */
export function jpegCompression(picture: Picture, severity: number): Picture {
  return throughJpeg(picture, [25, 18, 15, 10, 7][severity - 1]!)
}
