import type { TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { floatsOf } from '../outputs/floats.ts'

/** Greatest decibels that a report shows; beyond, sums of squares say more about rounding than about models. */
const LIMIT = 300

/** Signal and noise power of a value in one model against another, summed over rows. */
export class NoiseTally {
  #signal = 0
  #noise = 0
  #seen = false

  readonly #infinitiesCount: boolean

  /**
   * @param infinities Whether an infinite element that becomes anything else is noise without end, as of an answer. Inside
   * a model it is none: where a mask is, −∞ and −10⁴ say the same.
   */
  constructor(infinities: 'count' | 'are passed over' = 'are passed over') {
    this.#infinitiesCount = infinities === 'count'
  }

  /**
   * Adds one pair of values; pairs of other types or sizes are left out, elements that are not finite any more are noise
   * of full size.
   */
  add(reference: TensorValue | undefined, value: TensorValue | undefined): void {
    if (!reference || !value || !isFloating(reference.dtype) || !isFloating(value.dtype)) return
    const [a, b] = [floatsOf(reference), floatsOf(value)]
    if (a.length !== b.length) return
    let [signal, noise] = [0, 0]
    for (let i = 0; i < a.length; i++) {
      const x = a[i]!
      const difference = x - b[i]!
      if (x - x !== 0) {
        if (this.#infinitiesCount && !Number.isNaN(x) && x !== b[i]) noise = Number.POSITIVE_INFINITY
        continue
      }
      signal += x * x
      noise += difference - difference === 0 ? difference * difference : x * x + 1
    }
    this.#signal += signal
    this.#noise += noise
    this.#seen = true
  }

  /** Adds sums of squares that were made elsewhere. */
  addSums({ signal, noise }: { readonly signal: number; readonly noise: number }): void {
    this.#signal += signal
    this.#noise += noise
    this.#seen = true
  }

  /** Sum of the squares of the reference. */
  get signal(): number {
    return this.#signal
  }

  /** Sum of the squares of what differs. */
  get noise(): number {
    return this.#noise
  }

  get seen(): boolean {
    return this.#seen
  }

  /** 10·log10(Σa² / Σ(a − b)²) within ±300; null where nothing differed. */
  get decibels(): number | null {
    return decibelsOrNull(this.#signal, this.#noise)
  }
}

/** Signal to noise in decibels within ±300. */
export function toDecibels(signal: number, noise: number): number {
  if (noise === 0) return LIMIT
  if (signal === 0) return -LIMIT
  return Math.min(LIMIT, Math.max(-LIMIT, 10 * Math.log10(signal / noise)))
}

/** The same, null where nothing differed: what reports show. */
export const decibelsOrNull = (signal: number, noise: number): number | null =>
  noise === 0 ? null : toDecibels(signal, noise)
