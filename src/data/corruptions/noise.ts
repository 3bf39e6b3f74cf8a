import { clamp, mapPlanes, type Picture } from './picture.ts'
import type { SeededDraws } from './seeded-draws.ts'

/** Normal noise of one deviation everywhere, as in poor light. */
export function gaussianNoise(picture: Picture, severity: number, draws: SeededDraws): Picture {
  const deviation = [0.08, 0.12, 0.18, 0.26, 0.38][severity - 1]!
  return mapPlanes(picture, (plane) => plane.map((value) => clamp(value + deviation * draws.normal())))
}

/** Poisson noise: the light is counted in few quanta. */
export function shotNoise(picture: Picture, severity: number, draws: SeededDraws): Picture {
  const quanta = [60, 25, 12, 5, 3][severity - 1]!
  return mapPlanes(picture, (plane) => plane.map((value) => clamp(draws.poisson(value * quanta) / quanta)))
}

/** A share of the values is black or white. */
export function impulseNoise(picture: Picture, severity: number, draws: SeededDraws): Picture {
  const share = [0.03, 0.06, 0.09, 0.17, 0.27][severity - 1]!
  return mapPlanes(picture, (plane) =>
    plane.map((value) => {
      const draw = draws.uniform()
      return draw < share / 2 ? 0 : draw < share ? 1 : value
    }),
  )
}
