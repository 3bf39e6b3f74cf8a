import type { Extremes } from '../../engine/index.ts'
import type { CalibrationMethod } from '../../report/index.ts'
import { type ClipOptions, clipRange, type Range } from './clipping.ts'
import { Histogram } from './histogram.ts'
import { reach } from './reach.ts'

/** Elements of one value of one run that enter its histogram, at most; every element counts for the extremes. */
const HISTOGRAM_ELEMENTS = 1 << 16

/** Share of the rows that `most-rows` lets go beyond either end. */
const FURTHEST = 1 / 20

/**
 * What is remembered of one value: extremes, sizes, and where a method needs them a histogram of fixed size and the
 * extremes of each row.
 */
export class RangeObserver {
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #elements = 0
  #rows = 0
  notFinite = 0
  readonly #histogram: Histogram | undefined
  readonly #lows: number[] = []
  readonly #highs: number[] = []

  readonly #known: Range | undefined

  /** `known` are the extremes of all that will be observed, which is finite then. */
  constructor(withHistogram: boolean, known?: Range) {
    this.#histogram = withHistogram ? new Histogram() : undefined
    this.#known = known
  }

  get seen(): boolean {
    return this.#min <= this.#max
  }

  /** Mean number of elements of one row. */
  get elements(): number {
    return this.#rows === 0 ? 0 : this.#elements / this.#rows
  }

  /** Takes in the elements of one run of `rows` rows. */
  observe(values: ArrayLike<number>, rows: number): void {
    const { min, max, notFinite } = this.#known ? { ...this.#known, notFinite: 0 } : extremesOf(values)
    this.notFinite += notFinite
    this.#elements += values.length
    this.#rows += rows
    if (!(min <= max)) return
    this.#min = Math.min(this.#min, min)
    this.#max = Math.max(this.#max, max)
    if (!this.#histogram) return
    // An odd step does not stay in one channel of a power-of-two layout.
    const stride = Math.ceil(values.length / HISTOGRAM_ELEMENTS) | 1
    this.#histogram.add(values, min, max, stride)
    // Rows lie one behind the other; what does not divide into them belongs to all.
    const parts = values.length % rows === 0 ? rows : 1
    const size = values.length / parts
    for (let part = 0; part < parts; part++) this.#noteRow(values, part * size, (part + 1) * size, stride)
  }

  #noteRow(values: ArrayLike<number>, from: number, to: number, stride: number): void {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let i = from; i < to; i += stride) {
      const value = values[i]!
      if (value < low) low = value
      if (value > high) high = value
    }
    this.#lows.push(low)
    this.#highs.push(high)
  }

  /** Takes in what a run of `rows` rows held, where the engine told no more than that; no histogram can come of it. */
  note({ min, max, elements }: Extremes, rows: number): void {
    this.#elements += elements
    this.#rows += rows
    this.#min = Math.min(this.#min, min)
    this.#max = Math.max(this.#max, max)
  }

  range(method: CalibrationMethod, options: ClipOptions): Range {
    if (method === 'minmax') return { min: this.#min, max: this.#max }
    if (!this.#histogram) throw new Error(`internal: ${method} needs the values themselves`)
    if (method === 'most-rows') return this.#rangeOfMostRows()
    return this.#forRowsToCome(clipRange(this.#histogram, method, options))
  }

  /** The range moved out at either end by what the rows tell of rows that were not seen. */
  #forRowsToCome({ min, max }: Range): Range {
    return {
      min: min < 0 ? min * reach(this.#lows.map((low) => -low)) : min,
      max: max > 0 ? max * reach(this.#highs) : max,
    }
  }

  /** Of what each row reaches, the least and the greatest once the furthest rows are left out: all of a few rows. */
  #rangeOfMostRows(): Range {
    const left = Math.floor(this.#highs.length * FURTHEST)
    return { min: this.#lows.toSorted((a, b) => a - b)[left]!, max: this.#highs.toSorted((a, b) => b - a)[left]! }
  }
}

function extremesOf(values: ArrayLike<number>) {
  let [min, max, notFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value - value !== 0) {
      notFinite++
      continue
    }
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max, notFinite }
}
