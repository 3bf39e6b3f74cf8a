import type { Extremes } from '../../engine/index.ts'
import type { CalibrationMethod } from '../../report/index.ts'
import { type ClipOptions, clipRange, type Range } from './clipping.ts'
import { Histogram } from './histogram.ts'

/** Elements of one value of one run that enter its histogram, at most; every element counts for the extremes. */
const HISTOGRAM_ELEMENTS = 1 << 16

/** What is remembered of one value: extremes, sizes, and a histogram where a method needs one. Its size is fixed. */
export class RangeObserver {
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #elements = 0
  #rows = 0
  notFinite = 0
  readonly #histogram: Histogram | undefined

  readonly #known: Range | undefined

  /** `known` are the extremes of all that will be observed, which is finite then. */
  constructor(withHistogram: boolean, known?: Range) {
    this.#histogram = withHistogram ? new Histogram() : undefined
    this.#known = known
  }

  get byteLength(): number {
    return this.#histogram?.byteLength ?? 0
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
    // An odd step does not stay in one channel of a power-of-two layout.
    this.#histogram?.add(values, min, max, Math.ceil(values.length / HISTOGRAM_ELEMENTS) | 1)
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
    if (!this.#histogram) throw new Error(`internal: ${method} needs a histogram`)
    return clipRange(this.#histogram, method, options)
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
