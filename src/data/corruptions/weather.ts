import { motionTaps } from './blur.ts'
import { type Size, shiftedSum, zoomed } from './filters.ts'
import { brightness, clamp, mapPlanes, type Picture, pixelScale } from './picture.ts'
import { plasma, powerOfTwo } from './plasma.ts'
import type { SeededDraws } from './seeded-draws.ts'

/** Falling flakes, blurred by their motion, over a scene that is whitened. */
export function snow(picture: Picture, severity: number, draws: SeededDraws): Picture {
  const constants = [
    [0.1, 0.3, 3, 0.5, 10, 4, 0.8],
    [0.2, 0.3, 2, 0.5, 12, 4, 0.7],
    [0.55, 0.3, 4, 0.9, 12, 8, 0.7],
    [0.55, 0.3, 4.5, 0.85, 12, 8, 0.65],
    [0.55, 0.3, 2.5, 0.85, 12, 12, 0.55],
  ] as const
  const [mean, deviation, flake, least, radius, sigma, keep] = constants[severity - 1]!
  const scale = pixelScale(picture)
  const size = picture.planes[0]!.length
  const layer = Float64Array.from({ length: size }, () => mean + deviation * draws.normal())
  const flakes = zoomed(layer, picture, Math.max(1, flake * scale)).map((value) => (value < least ? 0 : clamp(value)))
  const degrees = -135 + 90 * draws.uniform()
  const falling = shiftedSum(flakes, picture, motionTaps(radius * scale, sigma * scale, degrees))
  const light = brightness(picture)
  return mapPlanes(picture, (plane) =>
    plane.map((value, i) =>
      clamp(keep * value + (1 - keep) * Math.max(value, 1.5 * light[i]! + 0.5) + falling[i]! + falling[size - 1 - i]!),
    ),
  )
}

/**
 * Ice on the lens. The original pastes photographs of frost; here the ice is grown: ridges of two height maps, one of
 * them drawn out along a random direction, slightly blue.
 */
export function frost(picture: Picture, severity: number, draws: SeededDraws): Picture {
  const [keep, ice] = (
    [
      [1, 0.4],
      [0.8, 0.6],
      [0.7, 0.7],
      [0.65, 0.7],
      [0.6, 0.75],
    ] as const
  )[severity - 1]!
  const side = powerOfTwo(picture.height, picture.width)
  const coarse = cut(plasma(side, 1.4, draws), side, picture)
  const fine = cut(plasma(side, 1.1, draws), side, picture)
  const degrees = draws.uniform() * 180
  const needles = shiftedSum(fine, picture, motionTaps(side / 12, side / 16, degrees))
  const texture = coarse.map((height, i) => {
    const ridge = 1 - Math.abs(2 * height - 1)
    const needle = clamp(0.5 + 3 * (needles[i]! - 0.5) + 0.6 * (fine[i]! - 0.5))
    return clamp(0.15 + 0.55 * ridge * ridge + 0.5 * needle * ridge)
  })
  const tint = picture.planes.length === 3 ? [0.92, 0.97, 1] : [0.96]
  return mapPlanes(picture, (plane, channel) =>
    plane.map((value, i) => clamp(keep * value + ice * texture[i]! * tint[channel % tint.length]!)),
  )
}

/** The upper left part of a square map. */
const cut = (map: Float64Array, side: number, { height, width }: Size): Float64Array =>
  Float64Array.from({ length: height * width }, (_, i) => map[Math.floor(i / width) * side + (i % width)]!)

/** A cloud in front of everything, the contrast of the rest lowered. */
export function fog(picture: Picture, severity: number, draws: SeededDraws): Picture {
  const [amount, decay] = (
    [
      [1.5, 2],
      [2, 2],
      [2.5, 1.7],
      [2.5, 1.5],
      [3, 1.4],
    ] as const
  )[severity - 1]!
  const { height, width, planes } = picture
  const side = powerOfTwo(height, width)
  const cloud = cut(plasma(side, decay, draws), side, picture)
  const top = planes.reduce((most, plane) => plane.reduce((a, b) => Math.max(a, b), most), 0)
  return mapPlanes(picture, (plane) =>
    plane.map((value, i) => (top === 0 ? 0 : clamp(((value + amount * cloud[i]!) * top) / (top + amount)))),
  )
}

/** More light: the value of HSV is raised, hue and saturation stay. */
export function brighten(picture: Picture, severity: number): Picture {
  const amount = [0.1, 0.2, 0.3, 0.4, 0.5][severity - 1]!
  const { planes } = picture
  const value = planes[0]!.map((_, i) => planes.reduce((most, plane) => Math.max(most, plane[i]!), 0))
  return mapPlanes(picture, (plane) =>
    plane.map((own, i) => {
      const raised = Math.min(1, value[i]! + amount)
      return value[i]! > 0 ? (own / value[i]!) * raised : raised
    }),
  )
}
