import { type BlockCodes, BlockWriter } from './block-codes.ts'
import { codeOf, type Grid, type GridOptions, gridOf } from './block-grid.ts'
import { inverseFactor } from './gram.ts'

/** Rows whose errors are handed on together: what is corrected at once stays in the cache. */
const TOGETHER = 64
/** Added to the diagonal, as a share of its mean, so that inputs that hardly vary do not blow up. */
const DAMPING = 0.01

/**
 * Codes of W [K, N] in blocks, rounded so that the product's outputs, not the weights, stay near: rows are coded one
 * after another, and the rows that come later make up for the error of the rows before, as far as their inputs move
 * together. `gram` is XᵀX of the inputs [K, K], in any unit.
 *
 *   e = (w_k − ŵ_k) / U_kk,  w_j −= e · U_kj for j > k,  with H⁻¹ = UᵀU
 *
 * A block's grid is chosen when its first row is reached. Inputs that were never seen keep the nearest code. Null where
 * H stays singular. Source: E. Frantar et al., GPTQ, ICLR 2023, algorithm 1.
 */
export function gptqBlocks(
  values: Float32Array,
  rows: number,
  columns: number,
  block: number,
  options: GridOptions,
  gram: ArrayLike<number>,
): BlockCodes | null {
  const factor = dampedFactor(gram, rows)
  if (!factor) return null
  const weights = Float32Array.from(values)
  const writer = new BlockWriter(rows, columns, block, options.bits, options.symmetric)
  const grids = new Array<Grid>(columns)
  const errors = new Float64Array(TOGETHER * columns)
  const startBlock = (row: number) => {
    const own = new Float32Array(Math.min(block, rows - row))
    for (let n = 0; n < columns; n++) {
      for (let k = 0; k < own.length; k++) own[k] = weights[(row + k) * columns + n]!
      grids[n] = gridOf(own, options)
      writer.grid(n, row / block, grids[n]!)
    }
  }
  for (let from = 0; from < rows; from += TOGETHER) {
    const to = Math.min(rows, from + TOGETHER)
    for (let k = from; k < to; k++) {
      if (k % block === 0) startBlock(k)
      const error = (k - from) * columns
      const pivot = factor[k * rows + k]!
      for (let n = 0; n < columns; n++) {
        const value = weights[k * columns + n]!
        const grid = grids[n]!
        const code = codeOf(value, grid, options.bits)
        writer.set(k, n, code)
        errors[error + n] = (value - grid.scale * (code - grid.zero)) / pivot
      }
      // A block that begins among these rows wants them corrected before its grid is chosen; so does each next row.
      for (let j = k + 1; j < to; j++) correct(weights, j, columns, factor[k * rows + j]!, errors, error)
    }
    for (let j = to; j < rows; j++)
      for (let k = from; k < to; k++) correct(weights, j, columns, factor[k * rows + j]!, errors, (k - from) * columns)
  }
  return writer.done()
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
