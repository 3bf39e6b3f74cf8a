import { inverseFactor } from './inverse-factor.ts'

/** Rows whose errors are handed on together: what is corrected at once stays in the cache. */
const TOGETHER = 64
/** Added to the diagonal, as a share of its mean, so that inputs that hardly vary do not blow up. */
const DAMPING = 0.01

/** Weights W [K, N], which are written to, and the mean of xxᵀ over what they are multiplied with [K, K], in any unit. */
interface ReadWeights {
  readonly weights: Float32Array
  readonly rows: number
  readonly columns: number
  readonly gram: ArrayLike<number>
}

/**
 * Rounds weights so that the product's outputs, not the weights, stay near (GPTQ): rows are rounded one after another,
 * and the rows that come later make up for the error of the rows before, as far as their inputs move together.
 *
 *   e = (w_k − ŵ_k) / U_kk,  w_j −= e · U_kj for j > k,  with H⁻¹ = UᵀU
 *
 * `round` takes a weight as it stands then, and gives what its code stands for; it is asked row by row. Inputs that were
 * never seen are made up for by none. False, and nothing done, where H stays singular.
 * Source: E. Frantar et al., GPTQ, ICLR 2023, algorithm 1.
 */
export function handOnErrors(
  { weights, rows, columns, gram }: ReadWeights,
  round: (value: number, row: number, column: number) => number,
): boolean {
  const factor = dampedFactor(gram, rows)
  if (!factor) return false
  const errors = new Float64Array(TOGETHER * columns)
  for (let from = 0; from < rows; from += TOGETHER) {
    const to = Math.min(rows, from + TOGETHER)
    for (let k = from; k < to; k++) {
      const error = (k - from) * columns
      const pivot = factor[k * rows + k]!
      for (let n = 0; n < columns; n++) {
        const value = weights[k * columns + n]!
        errors[error + n] = (value - round(value, k, n)) / pivot
      }
      // A grid that is chosen among these rows wants them corrected before; so does each next row.
      for (let j = k + 1; j < to; j++) correct(weights, j, columns, factor[k * rows + j]!, errors, error)
    }
    for (let j = to; j < rows; j++)
      for (let k = from; k < to; k++) correct(weights, j, columns, factor[k * rows + j]!, errors, (k - from) * columns)
  }
  return true
}

/** Takes the errors of one row, as far as they move it, off another. */
function correct(
  weights: Float32Array,
  row: number,
  columns: number,
  factor: number,
  errors: Float64Array,
  at: number,
): void {
  if (factor === 0) return
  const base = row * columns
  for (let n = 0; n < columns; n++) weights[base + n]! -= factor * errors[at + n]!
}

/** U of H⁻¹ = UᵀU for the damped Gram matrix [K, K]; null where it stays singular. */
function dampedFactor(gram: ArrayLike<number>, size: number): Float64Array | null {
  const h = Float64Array.from(gram)
  let mean = 0
  for (let i = 0; i < size; i++) mean += h[i * size + i]! / size
  for (let i = 0; i < size; i++) {
    const at = i * size + i
    // Never seen: nothing moves with it, so it stays by itself.
    h[at] = h[at] === 0 ? Math.max(mean, 1) : h[at]! + DAMPING * mean
  }
  return inverseFactor(h, size)
}
