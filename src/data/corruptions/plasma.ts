import type { SeededDraws } from './seeded-draws.ts'

/**
 * A cloud-like height map of `side` × `side` (a power of two) from 0 to 1, by the diamond-square method on a torus;
 * `decay` squared is how much weaker each finer octave is (as the constants of ImageNet-C mean it).
 *
 * Source: A. Fournier, D. Fussell, L. Carpenter, Computer rendering of stochastic models, CACM 25 (1982).
 */
export function plasma(side: number, decay: number, draws: SeededDraws): Float64Array {
  const map = new Float64Array(side * side)
  // On a torus whose side is a power of two, a mask is the remainder.
  const mask = side - 1
  const at = (y: number, x: number) => map[(y & mask) * side + (x & mask)]!
  let amplitude = 1
  const around = (sum: number) => sum / 4 + amplitude * (2 * draws.uniform() - 1)
  for (let step = side; step >= 2; step /= 2) {
    const half = step / 2
    for (let y = 0; y < side; y += step)
      for (let x = 0; x < side; x += step)
        map[(y + half) * side + x + half] = around(
          at(y, x) + at(y, x + step) + at(y + step, x) + at(y + step, x + step),
        )
    for (let y = 0; y < side; y += half)
      for (let x = (y / half) % 2 === 0 ? half : 0; x < side; x += step)
        map[y * side + x] = around(at(y - half, x) + at(y + half, x) + at(y, x - half) + at(y, x + half))
    amplitude /= decay * decay
  }
  let [low, high] = [Infinity, -Infinity]
  for (const value of map) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const spread = high - low
  for (let i = 0; i < map.length; i++) map[i] = spread > 0 ? (map[i]! - low) / spread : 0
  return map
}

/** The least power of two that covers both sides. */
export const powerOfTwo = (height: number, width: number): number => {
  let side = 2
  while (side < Math.max(height, width)) side *= 2
  return side
}
