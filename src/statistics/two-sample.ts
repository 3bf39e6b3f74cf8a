import { requireProbability } from './counts.ts'
import { chiSquareSurvival, lnBeta } from './distributions.ts'
import { randomSource } from './random.ts'

/** How far two samples are apart. */
export interface TwoSampleResult {
  readonly statistic: number
  /** Probability of a statistic as large where both samples come from the same source. */
  readonly p: number
}

/** Terms of the alternating series beyond this change no digit. */
const KOLMOGOROV_TERMS = 100

/**
 * Two-sample Kolmogorov–Smirnov test: the greatest distance D between the two empirical distribution functions, ties
 * included, with the asymptotic p-value 2 Σ (−1)ᵏ⁻¹ exp(−2k²λ²), λ = (√m + 0.12 + 0.11/√m) D, m = n₁n₂/(n₁+n₂).
 *
 * Source: M. A. Stephens, JRSS B 32 (1970), for the correction of λ; good to a few per cent from m = 4 on.
 *
 * @throws RangeError for an empty sample or a value that is not a number.
 */
export function kolmogorovSmirnov(a: Sample, b: Sample): TwoSampleResult {
  const merged = merge(a, b)
  let [seenA, seenB, distance] = [0, 0, 0]
  for (let i = 0; i < merged.length; ) {
    const { value } = merged[i]!
    for (; i < merged.length && merged[i]!.value === value; i++) merged[i]!.first ? seenA++ : seenB++
    distance = Math.max(distance, Math.abs(seenA / a.length - seenB / b.length))
  }
  const root = Math.sqrt((a.length * b.length) / (a.length + b.length))
  return { statistic: distance, p: kolmogorovSurvival((root + 0.12 + 0.11 / root) * distance) }
}

function kolmogorovSurvival(lambda: number): number {
  // Below this the series converges slowly, and the probability is 1 to ten digits.
  if (lambda < 0.2) return 1
  let sum = 0
  for (let k = 1; k <= KOLMOGOROV_TERMS; k++) {
    const term = Math.exp(-2 * k * k * lambda * lambda)
    sum += k % 2 === 1 ? term : -term
    if (term < 1e-17) break
  }
  return Math.min(1, Math.max(0, 2 * sum))
}

/**
 * First Wasserstein distance of two samples, ∫|F − G|, in the unit of the values, with a p-value from `shuffles` random
 * divisions of the pooled sample into sizes n₁ and n₂: the null has the size of these samples, so that a fixed threshold
 * neither alarms on small ones nor sleeps on large ones.
 *
 * Source: permutation p-value (1 + #{larger}) / (1 + shuffles), B. Phipson and G. K. Smyth (2010).
 *
 * @throws RangeError for an empty sample or a value that is not a finite number.
 */
export function wasserstein(
  a: Sample,
  b: Sample,
  options: { readonly shuffles?: number; readonly seed?: number } = {},
): TwoSampleResult {
  const { shuffles = 199, seed = 0 } = options
  const merged = merge(a, b)
  if (!Number.isFinite(merged[0]!.value) || !Number.isFinite(merged.at(-1)!.value))
    throw new RangeError('a distance needs finite values')
  const gaps = merged.map(({ value }, i) => (i + 1 < merged.length ? merged[i + 1]!.value - value : 0))
  const distance = (first: (i: number) => boolean) => {
    let [step, sum] = [0, 0]
    for (let i = 0; i < gaps.length; i++) {
      step += first(i) ? 1 / a.length : -1 / b.length
      sum += Math.abs(step) * gaps[i]!
    }
    return sum
  }
  const statistic = distance((i) => merged[i]!.first)
  const random = randomSource(seed)
  let larger = 0
  for (let shuffle = 0; shuffle < shuffles; shuffle++) {
    let [left, of] = [a.length, merged.length]
    // Draws without replacement, in order: each place belongs to the first sample with the share that is left of it.
    const drawn = distance(() => {
      const first = random.below(of--) < left
      if (first) left--
      return first
    })
    if (drawn >= statistic * (1 - 1e-12)) larger++
  }
  return { statistic, p: (1 + larger) / (1 + shuffles) }
}

/** Expected counts below this make the χ² approximation poor. */
const RARE = 5

/**
 * χ² test that two lists of counts over the same categories come from one distribution. Categories that are expected
 * fewer than five times in either list are taken together. Where even together they are too few for χ², they are held
 * against all others by the exact test of R. A. Fisher, the others among themselves by χ², and p is twice the smaller.
 * `statistic` is that of χ²; p is 1 where one category is left.
 *
 * @throws RangeError for lists of different lengths, negative counts or an empty list.
 */
export function chiSquareHomogeneity(a: readonly number[], b: readonly number[]): TwoSampleResult {
  if (a.length !== b.length) throw new RangeError('the two lists need the same categories')
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
  const [totalA, totalB] = [sum(a), sum(b)]
  if (!(totalA > 0 && totalB > 0) || [...a, ...b].some((count) => !(count >= 0)))
    throw new RangeError('counts must not be negative, nor all 0')
  const smaller = Math.min(totalA, totalB) / (totalA + totalB)
  const cells: [number, number][] = []
  const rare: [number, number] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    if ((a[i]! + b[i]!) * smaller >= RARE) cells.push([a[i]!, b[i]!])
    else {
      rare[0] += a[i]!
      rare[1] += b[i]!
    }
  }
  const few = rare[0] + rare[1]
  if (few * smaller >= RARE) return chiSquare([...cells, rare])
  const others = chiSquare(cells)
  if (few === 0) return others
  const exact = hypergeometricP(rare[1], few, totalB, totalA + totalB)
  return cells.length < 2 ? { ...others, p: exact } : { ...others, p: Math.min(1, 2 * Math.min(exact, others.p)) }
}

function chiSquare(cells: readonly (readonly [number, number])[]): TwoSampleResult {
  const [totalA, totalB] = cells.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0])
  let statistic = 0
  for (const [x, y] of cells) {
    const share = (x + y) / (totalA + totalB)
    statistic += (x - share * totalA) ** 2 / (share * totalA) + (y - share * totalB) ** 2 / (share * totalB)
  }
  return { statistic, p: cells.length < 2 ? 1 : chiSquareSurvival(statistic, cells.length - 1) }
}

/** Twice the smaller tail of seeing `seen` of `marked` things among `drawn` of `all`, none put back. */
function hypergeometricP(seen: number, marked: number, drawn: number, all: number): number {
  const lnChoose = (n: number, k: number) => -Math.log(n + 1) - lnBeta(n - k + 1, k + 1)
  const probability = (k: number) =>
    Math.exp(lnChoose(marked, k) + lnChoose(all - marked, drawn - k) - lnChoose(all, drawn))
  let [below, above] = [0, 0]
  for (let k = Math.max(0, drawn + marked - all); k <= Math.min(marked, drawn); k++) {
    if (k <= seen) below += probability(k)
    if (k >= seen) above += probability(k)
  }
  return Math.min(1, 2 * Math.min(below, above))
}

/**
 * The level of the `look`th of endlessly many looks (1, 2, …): α·6/(π²·look²). The levels sum to α, so that all looks
 * together raise a false alarm with probability at most α. Source: L. Euler (1735), Σ 1/k² = π²/6.
 *
 * @throws RangeError for an α outside (0, 1).
 */
export function levelOfLook(alpha: number, look: number): number {
  requireProbability('alpha', alpha)
  return (alpha * 6) / (Math.PI ** 2 * look ** 2)
}

type Sample = readonly number[] | Float64Array

interface Place {
  readonly value: number
  readonly first: boolean
}

function merge(a: Sample, b: Sample): readonly Place[] {
  if (a.length === 0 || b.length === 0) throw new RangeError('both samples need values')
  const places = [
    ...Array.from(a, (value) => ({ value, first: true })),
    ...Array.from(b, (value) => ({ value, first: false })),
  ]
  if (places.some(({ value }) => Number.isNaN(value))) throw new RangeError('a sample holds a value that is no number')
  return places.sort((x, y) => x.value - y.value)
}
