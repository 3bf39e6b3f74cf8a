import { handOnErrors } from '../codes/hand-on-errors.ts'
import { type BlockCodes, BlockWriter } from './block-codes.ts'
import { codeOf, type Grid, type GridOptions, gridOf } from './block-grid.ts'

/**
 * Codes of W [K, N] in blocks, rounded so that the product's outputs stay near (see `handOnErrors`). `gram` is XᵀX of
 * the inputs [K, K], in any unit. A block's grid is chosen when its first row is reached. Inputs that were never seen
 * keep the nearest code. Null where H stays singular.
 */
export function gptqBlocks(
  values: Float32Array,
  rows: number,
  columns: number,
  block: number,
  options: GridOptions,
  gram: ArrayLike<number>,
): BlockCodes | null {
  const weights = Float32Array.from(values)
  const writer = new BlockWriter(rows, columns, block, options.bits, options.symmetric)
  const grids = new Array<Grid>(columns)
  const startBlock = (row: number) => {
    const own = new Float32Array(Math.min(block, rows - row))
    for (let n = 0; n < columns; n++) {
      for (let k = 0; k < own.length; k++) own[k] = weights[(row + k) * columns + n]!
      grids[n] = gridOf(own, options)
      writer.grid(n, row / block, grids[n]!)
    }
  }
  const done = handOnErrors({ weights, rows, columns, gram }, (value, row, column) => {
    if (column === 0 && row % block === 0) startBlock(row)
    const grid = grids[column]!
    const code = codeOf(value, grid, options.bits)
    writer.set(row, column, code)
    return grid.scale * (code - grid.zero)
  })
  return done ? writer.done() : null
}
