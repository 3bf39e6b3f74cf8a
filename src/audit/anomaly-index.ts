import { median } from '../statistics/index.ts'

/**
 * How far each value lies from the median, in consistent standard deviations: |x − median| / (1.4826 · MAD). Of the norms
 * of reversed triggers, one a class, a small one with an index above 2 marks a class with a backdoor: little is needed to
 * reach it from everywhere. `suspects` are those, smallest first. Where more than half of the values are equal the
 * deviation is 0: equal ones have index 0, others are infinitely far.
 *
 * Source: B. Wang et al., Neural Cleanse, IEEE S&P (2019), section IV-C.
 *
 * @throws RangeError for no values, or one that is not finite.
 */
export function anomalyIndex(
  values: readonly number[],
  limit = 2,
): {
  readonly median: number
  /** Median absolute deviation times 1.4826, the standard deviation of a normal sample. */
  readonly deviation: number
  readonly index: readonly number[]
  readonly suspects: readonly number[]
} {
  if (values.length === 0) throw new RangeError('an index needs at least one value')
  const odd = values.findIndex((value) => !Number.isFinite(value))
  if (odd !== -1) throw new RangeError(`value ${odd} is ${values[odd]}: a finite number is needed`)
  const middle = median(values)
  const deviation = 1.4826 * median(values.map((value) => Math.abs(value - middle)))
  const index = values.map((value) => (value === middle ? 0 : Math.abs(value - middle) / deviation))
  const suspects = index.flatMap((far, i) => (far > limit && values[i]! < middle ? [i] : []))
  return { median: middle, deviation, index, suspects: suspects.sort((i, j) => values[i]! - values[j]!) }
}
