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
  const generator = xoroshiro128plus(scattered(seed))
  for (let i = 0; i < WARMING_UP; i++) generator.next()
  return {
    uniform: () => (generator.next() >>> 0) / 2 ** 32,
    below: (count) => Math.floor(((generator.next() >>> 0) / 2 ** 32) * count),
  }
}

/** Draws after which nothing is left of a state of mostly zeros or ones. */
const WARMING_UP = 20

/**
 * A permutation of the numbers of 32 bits (signed) that leads neighbours far apart. The generator takes seeds as they are:
 * the first draws of all small ones were close to 1, and those of neighbours alike. Source: the last step of MurmurHash3,
 * A. Appleby (public domain).
 */
export function scattered(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
