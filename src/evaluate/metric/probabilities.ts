/** Class probabilities of one row, and what they are worth against the truth. */
import { argmax } from '../outputs/row-outputs.ts'

/** Probabilities below this count as this, so that one certain mistake is not infinitely bad. */
export const LEAST_PROBABILITY = 1e-12

/**
 * Whether a row's scores look like probabilities, rounded ones too: a Softmax in 8 bits need not add up to 1. One score
 * alone is that of class 1. A row of logits may look so by chance.
 */
export function mayBeProbabilities(scores: ArrayLike<number>): boolean {
  let sum = 0
  for (let i = 0; i < scores.length; i++) {
    if (!isProbability(scores[i]!)) return false
    sum += scores[i]!
  }
  return scores.length === 1 || Math.abs(sum - 1) < 0.1
}

/** Whether one number may be a probability, as far as rounding lets it be told. */
export const isProbability = (value: number): boolean => value >= -1e-3 && value <= 1 + 1e-3

const [NEVER, UNLIKE, LIKE] = [-1, 0, 1]

/** What a row says of whether its model's scores are probabilities, as a number for its summary; see `areProbabilitiesTogether`. */
export function likenessToProbabilities(scores: ArrayLike<number>): number {
  // A Softmax may be rounded far off in a row; a Sigmoid stays between 0 and 1 however it is rounded.
  return mayBeProbabilities(scores) ? LIKE : scores.length === 1 ? NEVER : UNLIKE
}

/** Probabilities or logits is a property of a model, and not of a row: what all rows say of it together. */
export function areProbabilitiesTogether(rows: readonly number[]): boolean {
  return !rows.includes(NEVER) && 2 * rows.filter((said) => said === LIKE).length > rows.length
}

/** ln Σ e^z, without overflow. */
export function logSumExp(values: ArrayLike<number>): number {
  let most = -Infinity
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!)
  if (!Number.isFinite(most)) return most
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - most)
  return most + Math.log(sum)
}

/** e^(z/T) / Σ e^(z/T). */
export function softmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const scaled = Float64Array.from(logits, (value) => value / temperature)
  const total = logSumExp(scaled)
  return scaled.map((value) => Math.exp(value - total))
}

/** Whether the scores of these rows, all of one model, are probabilities of classes. */
export const areProbabilities = (rows: readonly ArrayLike<number>[]): boolean =>
  areProbabilitiesTogether(rows.map(likenessToProbabilities))

/** Numbers whose softmax gives the scores of these rows, all of one model: themselves, or the logarithms of probabilities. */
export function asLogits(rows: readonly ArrayLike<number>[]): readonly Float64Array[] {
  if (!areProbabilities(rows)) return rows.map((row) => Float64Array.from(row))
  return rows.map((row) => Float64Array.from(row, (value) => Math.log(Math.max(LEAST_PROBABILITY, value))))
}

/** The most probable class, −1 where there is none (NaN), and its probability. */
export function topOf(probabilities: ArrayLike<number>): { readonly top: number; readonly confidence: number } {
  const top = argmax(probabilities)
  return { top, confidence: top < 0 ? Number.NaN : probabilities[top]! }
}

/** −ln p of the true class. */
export const logLoss = (probabilities: ArrayLike<number>, label: number): number =>
  -Math.log(Math.max(LEAST_PROBABILITY, probabilities[label]!))

/** Σ over classes of (p − truth)²: from 0 to 2. Source: G. Brier, Monthly Weather Review 78 (1950). */
export function brierScore(probabilities: ArrayLike<number>, label: number): number {
  let sum = 0
  for (let i = 0; i < probabilities.length; i++) sum += (probabilities[i]! - (i === label ? 1 : 0)) ** 2
  return sum
}

/**
 * EL2N, ‖p − truth‖₂ from 0 to √2: how hard a row is. The mean over a few models early in their training says which rows a
 * training can do without (the easiest), and the very highest are often mislabelled.
 * Source: M. Paul, S. Ganguli and G. Dziugaite, Deep Learning on a Data Diet, arXiv 2107.07075 (2021), section 2.
 */
export const el2n = (probabilities: ArrayLike<number>, label: number): number =>
  Math.sqrt(brierScore(probabilities, label))
