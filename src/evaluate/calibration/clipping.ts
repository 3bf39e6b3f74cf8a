import type { CalibrationMethod } from '../../report/index.ts'
import type { Histogram } from './histogram.ts'

/** Between which numbers a value is rounded; what lies beyond is clipped. */
export interface Range {
  readonly min: number
  readonly max: number
}

export interface ClipOptions {
  /** Share of numbers that `percentile` keeps inside, half of the rest cut at each end; 0.9999 by default. */
  readonly percentile?: number | undefined
}

/** Levels between which an 8-bit code chooses. */
const LEVELS = 256

/** What a histogram of all rows together tells the ranges of. */
type ClipMethod = Exclude<CalibrationMethod, 'most-rows'>

/** The range that a method picks from what was seen, never wider than that. */
export function clipRange(histogram: Histogram, method: ClipMethod, options: ClipOptions = {}): Range {
  const seen = { min: histogram.min, max: histogram.max }
  if (histogram.total === 0 || seen.min === seen.max) return seen
  switch (method) {
    case 'minmax':
      return seen
    case 'percentile':
      return percentileRange(histogram, options.percentile ?? 0.9999)
    case 'mse':
      return leastErrorRange(histogram)
    case 'entropy':
      return leastDivergenceRange(histogram)
  }
}

/** Edges of the bins in which the two outer shares (1 − p)/2 are reached. */
function percentileRange(histogram: Histogram, percentile: number): Range {
  const { start, counts } = histogram.grid()
  const cut = (histogram.total * (1 - percentile)) / 2
  let low = 0
  for (let sum = counts[0]!; sum <= cut && low < counts.length - 1; ) sum += counts[++low]!
  let high = counts.length - 1
  for (let sum = counts[high]!; sum <= cut && high > low; ) sum += counts[--high]!
  return within(histogram, start + low * histogram.width, start + (high + 1) * histogram.width)
}

/**
 * Least expected squared error over a grid of both ends: inside, uniform rounding noise step²/12 for all but exact
 * zeros; outside, the distance to the end. Sums over the tails are taken from prefix sums, so a pair of ends costs
 * constant time.
 */
function leastErrorRange(histogram: Histogram): Range {
  const bins = [...histogram.entries()]
  const n = bins.length
  const [c0, c1, c2] = [new Float64Array(n + 1), new Float64Array(n + 1), new Float64Array(n + 1)]
  bins.forEach(([centre, count], i) => {
    c0[i + 1] = c0[i]! + count
    c1[i + 1] = c1[i]! + count * centre
    c2[i + 1] = c2[i]! + count * centre * centre
  })
  const centres = bins.map(([centre]) => centre)
  const squares = (from: number, to: number, end: number) =>
    c2[to]! - c2[from]! - 2 * end * (c1[to]! - c1[from]!) + end * end * (c0[to]! - c0[from]!)
  let best: Range = { min: histogram.min, max: histogram.max }
  let bestError = Number.POSITIVE_INFINITY
  for (const min of ends(histogram.min)) {
    const below = firstAtLeast(centres, min)
    const lowError = squares(0, below, min)
    for (const max of ends(histogram.max)) {
      const above = firstAtLeast(centres, max)
      const step = (Math.max(0, max) - Math.min(0, min)) / (LEVELS - 1)
      const rounded = Math.max(0, c0[above]! - c0[Math.min(below, above)]! - histogram.zeros)
      const error = (rounded * step * step) / 12 + (min < 0 ? lowError : 0) + (max > 0 ? squares(above, n, max) : 0)
      if (error < bestError) {
        bestError = error
        best = { min, max }
      }
    }
  }
  return best
}

/** The seen end first, then smaller fractions of it. */
function* ends(end: number): Generator<number> {
  yield end
  if (end !== 0) for (let i = 1; i < 48; i++) yield end * (1 - i / 50)
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Least Kullback–Leibler divergence between the clipped distribution and the one that codes can tell apart (Migacz,
 * "8-bit inference with TensorRT", 2017). One threshold cuts both ends: [−t, t] within what was seen.
 */
function leastDivergenceRange(histogram: Histogram): Range {
  const { start, counts } = histogram.grid()
  // Exact zeros (padding, Relu) are exact under any scale; their peak would only drown what the codes must tell apart.
  const zero = Math.floor(-start / histogram.width)
  if (zero >= 0 && zero < counts.length) counts[zero] = Math.max(0, counts[zero]! - histogram.zeros)
  const reach = Math.max(Math.abs(histogram.min), Math.abs(histogram.max))
  let best: Range = { min: histogram.min, max: histogram.max }
  let bestDivergence = Number.POSITIVE_INFINITY
  for (let i = 100; i >= 10; i--) {
    const t = (reach * i) / 100
    const [min, max] = [Math.max(histogram.min, -t), Math.min(histogram.max, t)]
    const from = Math.min(counts.length - 1, Math.max(0, Math.floor((min - start) / histogram.width)))
    const to = Math.min(counts.length, Math.max(from + 1, Math.ceil((max - start) / histogram.width)))
    // Fewer bins than codes: every bin would have a code of its own, and the divergence says nothing.
    if (to - from < LEVELS && i < 100) break
    const divergence = divergenceOf(counts, from, to)
    if (divergence < bestDivergence) {
      bestDivergence = divergence
      best = { min, max }
    }
  }
  return best
}

function divergenceOf(counts: Float64Array, from: number, to: number): number {
  const size = to - from
  const clipped = counts.slice(from, to)
  for (let i = 0; i < from; i++) clipped[0]! += counts[i]!
  for (let i = to; i < counts.length; i++) clipped[size - 1]! += counts[i]!
  const coded = new Float64Array(size)
  let codedTotal = 0
  for (let level = 0; level < LEVELS; level++) {
    const [low, high] = [Math.floor((level * size) / LEVELS), Math.floor(((level + 1) * size) / LEVELS)]
    let [sum, used] = [0, 0]
    for (let i = low; i < high; i++) {
      sum += counts[from + i]!
      if (clipped[i]! > 0) used++
    }
    if (used === 0) continue
    for (let i = low; i < high; i++) if (clipped[i]! > 0) coded[i] = sum / used
    codedTotal += sum
  }
  const total = clipped.reduce((sum, count) => sum + count, 0)
  let divergence = 0
  for (let i = 0; i < size; i++) {
    if (clipped[i]! === 0) continue
    const p = clipped[i]! / total
    // Where only outliers fell into a level, its code stands for nothing that was seen inside.
    const q = codedTotal > 0 ? Math.max(coded[i]! / codedTotal, 1e-12) : 1e-12
    divergence += p * Math.log(p / q)
  }
  return divergence
}

function within(histogram: Histogram, low: number, high: number): Range {
  return { min: Math.max(histogram.min, low), max: Math.min(histogram.max, high) }
}
