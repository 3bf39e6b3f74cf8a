import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** Seeded pseudo-random numbers: the same seed gives the same draws on every machine. */
export interface RandomSource {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number
  /** Whole number in [0, count), uniform to within count / 2³². */
  below(count: number): number
}

/** One standard normal number, from two draws. Source: G. E. P. Box and M. E. Muller, Annals of Mathematical Statistics 29 (1958). */
export function standardNormal(random: RandomSource): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()))
  return radius * Math.cos(2 * Math.PI * random.uniform())
}

/** A source from a whole-number seed (xoroshiro128+, Blackman and Vigna, by `pure-rand`). */
export function randomSource(seed: number): RandomSource {
  const generator = xoroshiro128plus(seed)
  return {
    uniform: () => (generator.next() >>> 0) / 2 ** 32,
    below: (count) => Math.floor(((generator.next() >>> 0) / 2 ** 32) * count),
  }
}
