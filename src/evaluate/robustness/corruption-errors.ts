import { bootstrap, mean } from '../../statistics/index.ts'
import type { Yardstick } from './paired-values.ts'

/** How far a score is from right, for metrics that have a "right": 1 − score of a rate, the score of an error. */
export function errorOf({ higherIsBetter, rightOrWrong, bounds }: Yardstick): ((score: number) => number) | null {
  if (!higherIsBetter) return (score) => score
  return rightOrWrong || (bounds?.[0] === 0 && bounds[1] === 1) ? (score) => 1 - score : null
}

/** Errors of every model, summed over the severities of one corruption, by row; NaN where a row has no score. */
export type RowErrors = readonly Float64Array[]

/**
 * Corruption errors by model: Σ over severities of a model's error divided by the first model's, over the rows that all
 * models score at all severities: one that fails on a row must not make fewer errors by that. Null where the first makes
 * no error, as nothing can be relative to it.
 *
 * Source: D. Hendrycks, T. Dietterich, arXiv 1903.12261 (2019), section 4.1, with the first model in AlexNet's place.
 */
export function corruptionErrors(errors: RowErrors): readonly (number | null)[] {
  const rows = scoredRows([errors])
  const sums = errors.map((values) => sumOver(values, rows))
  return sums.map((own) => (sums[0]! > 0 ? own / sums[0]! : null))
}

/**
 * The mean over corruptions of their errors, with a bootstrap interval over the rows that all models score under every
 * corruption (all severities of a row together).
 */
export function meanCorruptionError(
  byCorruption: readonly RowErrors[],
  model: number,
  { alpha, seed }: { readonly alpha: number; readonly seed: number },
): { readonly value: number; readonly ci: readonly [number, number] | null } | null {
  const rows = scoredRows(byCorruption)
  const used = byCorruption.filter((errors) => sumOver(errors[0]!, rows) > 0)
  if (used.length === 0) return null
  if (model === 0) return { value: 1, ci: null }
  const ratio = (drawn: ArrayLike<number>) => {
    let [total, count] = [0, 0]
    for (const errors of used) {
      let [own, base] = [0, 0]
      for (let i = 0; i < drawn.length; i++) {
        own += errors[model]![rows[drawn[i]!]!]!
        base += errors[0]![rows[drawn[i]!]!]!
      }
      if (base === 0) continue
      total += own / base
      count++
    }
    return count === 0 ? 1 : total / count
  }
  const value = ratio(Array.from(rows.keys()))
  if (rows.length < 20) return { value, ci: null }
  const { ci } = bootstrap({ rows: rows.length, statistic: ratio, seed, resamples: 1000, alpha })
  return { value, ci }
}

/**
 * The same of the errors that corruptions add: Σ (E − E clean) / Σ (E₀ − E₀ clean), mean over the corruptions that add
 * errors to the first model.
 */
export function relativeMeanCorruptionError(
  byCorruption: readonly RowErrors[],
  clean: RowErrors,
  severities: number,
  model: number,
): number | null {
  const ratios = byCorruption.flatMap((errors) => {
    const rows = scoredRows([errors, clean])
    const added = (m: number) => sumOver(errors[m]!, rows) - severities * sumOver(clean[m]!, rows)
    return added(0) > 0 ? [added(model) / added(0)] : []
  })
  return ratios.length === 0 ? null : mean(ratios)
}

/** Rows that every model scores in all of these. */
function scoredRows(all: readonly RowErrors[]): readonly number[] {
  const rows = all[0]?.[0]?.keys() ?? []
  return [...rows].filter((row) => all.every((errors) => errors.every((values) => !Number.isNaN(values[row]!))))
}

const sumOver = (values: Float64Array, rows: readonly number[]) => rows.reduce((sum, row) => sum + values[row]!, 0)
