import { randomNumbers } from '../random-numbers.ts'

/** Draws of one row under one corruption: the same seed, corruption and row give the same draws on every machine. */
export interface SeededDraws {
  /** In [0, 1). */
  uniform(): number
  /** Whole number in [0, count). */
  below(count: number): number
  /** Standard normal, by Box and Muller (1958). */
  normal(): number
  /** Poisson with this mean: Knuth's product below 30, a rounded normal above (error below one count in practice). */
  poisson(mean: number): number
}

/** The draws of this row under the corruption of this name. */
export function seededDraws(seed: number, name: string, row: number): SeededDraws {
  const uniform = randomNumbers(hashOf(`${seed}/${name}/${row}`))
  let spare: number | null = null
  const normal = () => {
    if (spare !== null) {
      const kept = spare
      spare = null
      return kept
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
    const angle = 2 * Math.PI * uniform()
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
  return {
    uniform,
    normal,
    below: (count) => Math.floor(uniform() * count),
    poisson(mean) {
      if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()))
      const limit = Math.exp(-mean)
      let count = 0
      for (let product = uniform(); product > limit; product *= uniform()) count++
      return count
    },
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
