import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** Seeded pseudo-random numbers: the same seed gives the same draws on every machine. */
export interface RandomSource {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number
  /** Whole number in [0, count), uniform to within count / 2³². */
  below(count: number): number
}

/** A source from a whole-number seed (xoroshiro128+, Blackman and Vigna, by `pure-rand`). */
export function randomSource(seed: number): RandomSource {
  const generator = xoroshiro128plus(seed)
  return {
    uniform: () => (generator.next() >>> 0) / 2 ** 32,
    below: (count) => Math.floor(((generator.next() >>> 0) / 2 ** 32) * count),
  }
}
