import type { TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { numbersOf } from '../outputs/row-outputs.ts'
import { toDecibels } from './sqnr.ts'

/** Shorter vectors are boxes, points or scores, whose numbers are of different sizes by themselves. */
const SHORTEST = 16
/** Steps of a decibel that places are counted in, and the least and most of them. */
const STEPS = 10
const LIMIT = 300

/**
 * How the noise lies across the vectors of an output of [places, features] a row, as of tokens or of patches of a picture.
 * One place of numbers a thousand times as large as those of the others, as transformers make of the first token, holds
 * nearly all of the signal: by all places together an output seems near whose other places are far off.
 */
export class PlaceTally {
  readonly #counts = new Uint32Array(2 * LIMIT * STEPS + 1)
  #places = 0

  /** Adds the places of one row; outputs of another form, and what differs in form between the models, have none. */
  add(base: TensorValue, candidate: TensorValue): void {
    const [places, features] = base.dims as [number, number]
    if (base.dims.length !== 2 || places < 2 || features < SHORTEST || !isFloating(base.dtype)) return
    const [x, y] = [numbersOf(base), numbersOf(candidate)]
    if (x.length !== y.length) return
    for (let place = 0; place < places; place++) {
      let [signal, noise] = [0, 0]
      for (let i = place * features; i < (place + 1) * features; i++) {
        signal += x[i]! * x[i]!
        noise += (x[i]! - y[i]!) ** 2
      }
      // A place that holds nothing in either, as of padding, tells nothing.
      if (!Number.isFinite(signal + noise) || signal + noise === 0) continue
      this.#counts[Math.round((toDecibels(signal, noise) + LIMIT) * STEPS)]!++
      this.#places++
    }
  }

  /** Decibels of the middle one of all places, to a tenth; null where there were none. */
  get medianDb(): number | null {
    let below = 0
    for (const [step, count] of this.#counts.entries()) {
      below += count
      if (2 * below >= this.#places && this.#places > 0) return step / STEPS - LIMIT
    }
    return null
  }
}
