/** Bins of a histogram, at most. */
const BINS = 4096

/**
 * Counts of a stream of numbers in bins whose width is a power of two. When the range grows, bins are merged in pairs,
 * which is exact: the bins at the end depend on the numbers seen and not on their order or batching, and memory does
 * not grow with the stream. Exact zeros are also counted apart, as quantization keeps them exact.
 */
export class Histogram {
  min = Number.POSITIVE_INFINITY
  max = Number.NEGATIVE_INFINITY
  /** Finite numbers counted. */
  total = 0
  zeros = 0
  #width = 0
  /** Grid index of the first bin: bin i holds numbers of [(first + i) · width, (first + i + 1) · width). */
  #first = 0
  #bins = new Float64Array(0)

  /** Bytes that this histogram holds. */
  get byteLength(): number {
    return this.#bins.byteLength
  }

  get width(): number {
    return this.#width
  }

  /** Every `stride`-th of `values`, which must lie within `min` and `max`; what is not finite is left out. */
  add(values: ArrayLike<number>, min: number, max: number, stride = 1): void {
    if (!(min <= max)) return
    this.#cover(Math.min(min, this.min), Math.max(max, this.max))
    this.min = Math.min(min, this.min)
    this.max = Math.max(max, this.max)
    const bins = this.#bins
    const [width, first] = [this.#width, this.#first]
    let zeros = 0
    let total = 0
    for (let i = 0; i < values.length; i += stride) {
      const value = values[i]!
      if (value === 0) zeros++
      const bin = gridIndex(value, width) - first
      if (bin >= 0 && bin < BINS) {
        bins[bin]!++
        total++
      }
    }
    this.zeros += zeros
    this.total += total
  }

  /** Bins that hold something: their centres (0 for what is exactly 0 does not move them) and counts. */
  *entries(): Generator<readonly [centre: number, count: number]> {
    for (let i = 0; i < this.#bins.length; i++)
      if (this.#bins[i]! > 0) yield [(this.#first + i + 0.5) * this.#width, this.#bins[i]!]
  }

  /** Counts over an even grid of `width` from the bin of `min` to the bin of `max`, and where the grid begins. */
  grid(): { readonly start: number; readonly counts: Float64Array } {
    if (this.total === 0) return { start: 0, counts: new Float64Array(0) }
    const from = gridIndex(this.min, this.#width) - this.#first
    const to = gridIndex(this.max, this.#width) - this.#first
    return { start: (this.#first + from) * this.#width, counts: this.#bins.slice(from, to + 1) }
  }

  #cover(min: number, max: number): void {
    // Asked again for every range: one that grows past a power of two must end at the width it would have begun with.
    let width = Math.max(this.#width, smallestWidth(min, max))
    while (gridIndex(max, width) - gridIndex(min, width) >= BINS) width *= 2
    const first = gridIndex(min, width)
    if (this.#bins.length === 0) this.#bins = new Float64Array(BINS)
    else if (width !== this.#width || first !== this.#first) {
      const factor = width / this.#width
      const merged = new Float64Array(BINS)
      for (let i = 0; i < this.#bins.length; i++)
        if (this.#bins[i]! > 0) merged[gridIndex(this.#first + i, factor) - first]! += this.#bins[i]!
      this.#bins = merged
    }
    this.#width = width
    this.#first = first
  }
}

/**
 * The whole number below value / width, for a width that is a power of two. Such a division is exact unless it
 * underflows, and then a tiny negative number becomes -0: it still lies in the bin below 0, where a merge of finer bins
 * would have put it.
 */
function gridIndex(value: number, width: number): number {
  const index = Math.floor(value / width)
  return index === 0 && value < 0 ? -1 : index
}

/** The smallest power of two that may be the width for this range; it never falls as the range grows. */
function smallestWidth(min: number, max: number): number {
  const size = Math.max(Math.abs(min), Math.abs(max))
  const exponent = size === 0 ? -120 : Math.max(-120, Math.floor(Math.log2(size)) - 24)
  return 2 ** exponent
}
