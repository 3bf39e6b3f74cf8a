import type { RowLabel } from './metric/metric.ts'
import { isProbability } from './metric/probabilities.ts'

/** Whole labels beyond 0 and 1 that are held as numbers against an output within 0 to 1. */
export interface ClassesAsNumbers {
  readonly output: string
  readonly least: number
  readonly greatest: number
}

/**
 * Watches whether one score a row looks like the probability of a class while its labels do not: one label that is neither
 * 0 nor 1 (a slip of the pen, classes called -1 and 1) makes numbers of all of them, and what is judged another thing.
 */
export function classesAsNumbers() {
  let first: number | undefined
  let constant = true
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let alike = true
  return {
    /** @param score The base model's single number of the row that the metric holds against the label. */
    add(label: RowLabel | undefined, score: number | undefined) {
      alike &&= Number.isInteger(label) && score !== undefined && isProbability(score)
      if (!alike) return
      least = Math.min(least, label as number)
      greatest = Math.max(greatest, label as number)
      first ??= score
      constant &&= score === first
    },
    result: (output: string | undefined): ClassesAsNumbers | null =>
      alike && output !== undefined && !constant && (least < 0 || greatest > 1) ? { output, least, greatest } : null,
  }
}
