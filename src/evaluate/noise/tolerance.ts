import type { TensorValue } from '../../engine/index.ts'
import { elementCount, isFloating } from '../../ir/index.ts'
import { floatsOf, largestOf } from '../outputs/floats.ts'

/** An element passes where |a − b| ≤ max(abs, peak·the sample's largest |a|) + rel·|a|. */
export interface Tolerance {
  readonly abs: number
  readonly rel: number
  /** Nothing where not given. */
  readonly peak?: number
}

/**
 * What `simplify` promises in float32. Sums of large numbers carry float32's own rounding, whatever is left of them:
 * beside outputs of 10,000, which lie 0.001 apart, a zero is a zero within a few such steps.
 */
export const LOSSLESS = { abs: 1e-3, rel: 1e-3, peak: 2 ** -20 } as const satisfies Tolerance

/** The value that an output of integers chooses from: each element is the place of the greatest (or least) along `axis`. */
export interface Choice {
  readonly scores: string
  readonly axis: number
}

/** How two models may differ, beyond `LOSSLESS` for every output. */
export interface Leeway {
  /** The tolerance of each output, by its name. */
  readonly tolerance?: (output: string) => Tolerance
  /** Outputs whose elements may name another place, where its score is as good to within the tolerance of both. */
  readonly choices?: ReadonlyMap<string, Choice>
}

/** Whether two places that element `i` of an output may name have scores that rounding can turn around. */
export type IsTie = (i: number, left: number, right: number) => boolean

/** Whether places are ties by these scores; undefined for scores that are no floats. The tolerance is that of each score. */
export function tieOf(scores: TensorValue, axis: number, tolerance: Tolerance): IsTie | undefined {
  if (!isFloating(scores.dtype)) return undefined
  const along = axis < 0 ? axis + scores.dims.length : axis
  const [inner, count] = [elementCount(scores.dims.slice(along + 1)), scores.dims[along]!]
  const values = floatsOf(scores)
  const least = Math.max(tolerance.abs, (tolerance.peak ?? 0) * largestOf(values))
  return (i, left, right) => {
    if (!(right >= 0 && right < count)) return false
    const at = (place: number) => values[(Math.floor(i / inner) * count + place) * inner + (i % inner)]!
    return Math.abs(at(left) - at(right)) <= 2 * (least + tolerance.rel * Math.abs(at(left)))
  }
}
