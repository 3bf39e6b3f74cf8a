import { SMALLEST_SCALE } from '../codes/affine.ts'

/** Codes of one block of weights: `weight ≈ scale · (code − zero)`, codes 0 … 2^bits − 1. */
export interface Grid {
  /** A float32, not 0; negative where the weight of the largest magnitude is positive and the block symmetric. */
  readonly scale: number
  readonly zero: number
}

/** How the scale and the zero point of a block of weights are chosen. */
export interface GridOptions {
  readonly bits: 4 | 8
  /** The zero point is the middle code in every block, and is not stored. */
  readonly symmetric: boolean
  /**
   * `rtn`: the grid that spans the block. `hqq`: the grid whose errors have the least ½-quadratic norm, which gives up
   * some reach for outliers to be finer for the rest.
   */
  readonly fit: 'rtn' | 'hqq'
}

/** The blocks that the runtime's kernel takes; beyond 256 it was seen to answer zeros without a word. */
export const GROUPS: readonly number[] = [16, 32, 64, 128, 256]
const LEAST_BLOCK = GROUPS[0]!
/** The block of who asks for none. */
export const USUAL_BLOCK = 32

/**
 * The block that a matrix of this many rows is stored in: the one asked for, or the least that holds a whole row of
 * codes where that is shorter. The codes are the same, and nothing is stored behind them but what fills the block.
 */
export function blockWithin(rows: number, block: number): number {
  let least = block
  while (least > LEAST_BLOCK && least / 2 >= rows) least /= 2
  return least
}

/** The grid of one block. `values` is not written to. */
export function gridOf(values: Float32Array, options: GridOptions): Grid {
  const start = options.symmetric ? symmetricGrid(values, options.bits) : spanningGrid(values, options.bits)
  return options.fit === 'hqq' ? halfQuadratic(values, start, options) : start
}

/** The code of a weight. */
export function codeOf(value: number, { scale, zero }: Grid, bits: 4 | 8): number {
  return Math.min(2 ** bits - 1, Math.max(0, Math.round(value / scale) + zero))
}

/** The block's range, widened to hold 0, over all codes: scale = range / (2^bits − 1). */
function spanningGrid(values: Float32Array, bits: 4 | 8): Grid {
  const top = 2 ** bits - 1
  let [min, max] = [0, 0]
  for (const value of values) {
    if (value < min) min = value
    if (value > max) max = value
  }
  const scale = max === min ? 1 : Math.max(Math.fround((max - min) / top), SMALLEST_SCALE)
  return { scale, zero: Math.min(top, Math.max(0, Math.round(-min / scale))) }
}

/** The weight of the largest magnitude gets code 0, which reaches one step further than the last code does. */
function symmetricGrid(values: Float32Array, bits: 4 | 8): Grid {
  const half = 2 ** (bits - 1)
  let extreme = 0
  for (const value of values) if (Math.abs(value) > Math.abs(extreme)) extreme = value
  const scale = Math.fround(extreme / -half)
  if (Math.abs(scale) < SMALLEST_SCALE) return { scale: 1, zero: half }
  return { scale, zero: half }
}

const NORM = 0.7
const ROUNDS = 20

/**
 * Half-quadratic quantization: errors E and grid are improved in turn. E = sign(R) · max(0, |R| − |R|^(p−1) / β) for
 * residuals R and p = 0.7 takes outliers out of the sum; zero point and scale are then the least-squares fit of what is
 * left, β grows by 1 % a round. The best grid seen wins, by Σ|R|^p. Unlike the publication, which keeps the scale and
 * lets the zero point be a real number, zero points stay codes, because the runtime is fast for those alone, and the
 * scale takes part. Source: H. Badri, A. Shaji, Half-Quadratic Quantization of Large Machine Learning Models, 2023.
 */
function halfQuadratic(values: Float32Array, start: Grid, { bits, symmetric }: GridOptions): Grid {
  const top = 2 ** bits - 1
  const unit = Math.abs(start.scale)
  let [grid, best, least, beta] = [start, start, Number.POSITIVE_INFINITY, 10]
  for (let round = 0; round <= ROUNDS; round++, beta *= 1.01) {
    let [norm, sumCode, sumTarget, sumSquare, sumProduct] = [0, 0, 0, 0, 0]
    const { scale, zero } = grid
    for (const value of values) {
      const code = codeOf(value, grid, bits)
      const residual = value - scale * (code - zero)
      const size = Math.abs(residual) / unit
      let target = value
      if (size > 0) {
        const power = size ** NORM
        norm += power
        const kept = size - power / size / beta
        if (kept > 0) target -= kept * unit * Math.sign(residual)
      }
      sumCode += code
      sumTarget += target
      sumSquare += code * code
      sumProduct += code * target
    }
    if (norm < least) {
      least = norm
      best = grid
    }
    const n = values.length
    const next = symmetric ? zero : Math.min(top, Math.max(0, Math.round((sumCode - sumTarget / scale) / n)))
    const square = sumSquare - 2 * next * sumCode + n * next * next
    const fitted = square > 0 ? Math.fround((sumProduct - next * sumTarget) / square) : scale
    if (!(Math.abs(fitted) >= SMALLEST_SCALE) || (fitted === scale && next === zero)) break
    grid = { scale: fitted, zero: next }
  }
  return best
}
