import { gaussianBlur, shiftedSum, zoomed } from './filters.ts'
import { mapPlanes, type Picture, pixelScale } from './picture.ts'
import type { SeededDraws } from './seeded-draws.ts'

/** A lens out of focus: the mean over a disk, its edge softened. */
export function defocusBlur(picture: Picture, severity: number): Picture {
  const [radius, alias] = (
    [
      [3, 0.1],
      [4, 0.5],
      [6, 0.5],
      [8, 0.5],
      [10, 0.5],
    ] as const
  )[severity - 1]!
  const taps = diskTaps(radius * pixelScale(picture))
  return mapPlanes(picture, (plane) => gaussianBlur(shiftedSum(plane, picture, taps), picture, alias))
}

/** A disk by the share of each pixel that lies inside it (8 × 8 samples a pixel): right for small and broken radii. */
function diskTaps(radius: number) {
  const reach = Math.ceil(radius + 0.5)
  const taps: { dx: number; dy: number; weight: number }[] = []
  let total = 0
  for (let dy = -reach; dy <= reach; dy++)
    for (let dx = -reach; dx <= reach; dx++) {
      let inside = 0
      for (let i = 0; i < 64; i++) {
        const x = dx + ((i % 8) + 0.5) / 8 - 0.5
        const y = dy + (Math.floor(i / 8) + 0.5) / 8 - 0.5
        // The disk of radius r covers the pixels whose centres are within r: half a pixel more by area.
        if (x * x + y * y <= (radius + 0.5) ** 2) inside++
      }
      if (inside > 0) taps.push({ dx, dy, weight: inside })
      total += inside
    }
  return taps.map((tap) => ({ ...tap, weight: tap.weight / total }))
}

/** Frosted glass: blurred, neighbours exchanged at random, blurred again. */
export function glassBlur(picture: Picture, severity: number, draws: SeededDraws): Picture {
  const constants = [
    [0.7, 1, 2],
    [0.9, 2, 1],
    [1, 2, 3],
    [1.1, 3, 2],
    [1.5, 4, 2],
  ] as const
  const [sigma, reach, rounds] = constants[severity - 1]!
  const scale = pixelScale(picture)
  const far = Math.max(1, Math.round(reach * scale))
  const { height, width } = picture
  const planes = picture.planes.map((plane) => Float64Array.from(gaussianBlur(plane, picture, sigma * scale)))
  for (let round = 0; round < rounds; round++)
    for (let y = height - 1 - far; y >= far; y--)
      for (let x = width - 1 - far; x >= far; x--) {
        const dx = draws.below(2 * far) - far
        const dy = draws.below(2 * far) - far
        const here = y * width + x
        const there = (y + dy) * width + x + dx
        for (const plane of planes) {
          const held = plane[here]!
          plane[here] = plane[there]!
          plane[there] = held
        }
      }
  return { ...picture, planes: planes.map((plane) => gaussianBlur(plane, picture, sigma * scale)) }
}

/** The camera moves: a one-sided Gaussian along a line within 45° of the horizontal. */
export function motionBlur(picture: Picture, severity: number, draws: SeededDraws): Picture {
  const [radius, sigma] = (
    [
      [10, 3],
      [15, 5],
      [15, 8],
      [15, 12],
      [20, 15],
    ] as const
  )[severity - 1]!
  const degrees = draws.uniform() * 90 - 45
  const scale = pixelScale(picture)
  const taps = motionTaps(radius * scale, sigma * scale, degrees)
  return mapPlanes(picture, (plane) => shiftedSum(plane, picture, taps))
}

/**
 * Where a pixel is seen while the camera moves in one direction: displacements in pixels, and weights that add up to
 * about 1. `radius` is half the length of the way, `sigma` how fast the older light fades.
 */
export function motionTaps(radius: number, sigma: number, degrees: number) {
  const angle = (degrees * Math.PI) / 180
  const weights = Array.from({ length: Math.floor(2 * radius) + 1 }, (_, i) =>
    Math.exp(-(i * i) / (2 * Math.max(sigma, 1e-3) ** 2)),
  )
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights
    .map((weight, i) => ({ dx: i * Math.cos(angle), dy: i * Math.sin(angle), weight: weight / total }))
    .filter(({ weight }) => weight > 1e-4)
}

/** The camera moves towards the scene: the mean of the image at several magnifications. */
export function zoomBlur(picture: Picture, severity: number): Picture {
  const [last, step] = (
    [
      [1.1, 0.01],
      [1.15, 0.01],
      [1.2, 0.02],
      [1.25, 0.02],
      [1.3, 0.03],
    ] as const
  )[severity - 1]!
  const count = Math.round((last - 1) / step) + 1
  return mapPlanes(picture, (plane) => {
    const sum = Float64Array.from(plane)
    for (let i = 0; i < count; i++) {
      const copy = i === 0 ? plane : zoomed(plane, picture, 1 + i * step)
      for (let at = 0; at < sum.length; at++) sum[at]! += copy[at]!
    }
    return sum.map((value) => value / (count + 1))
  })
}
