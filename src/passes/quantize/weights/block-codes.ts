import { codeOf, type Grid, type GridOptions, gridOf } from './block-grid.ts'

/**
 * Unsigned 4- or 8-bit codes of a matrix in blocks along its rows, in the layout of com.microsoft.MatMulNBits:
 * `codes` uint8 [N, blocks, block·bits/8], low nibble first; `scales` [N · blocks]; `zeroPoints` uint8
 * [N, ⌈blocks·bits/8⌉], packed the same way; null where the middle code is the zero point of all blocks.
 */
export interface BlockCodes {
  readonly bits: 4 | 8
  readonly block: number
  readonly blocks: number
  readonly codes: Uint8Array
  readonly scales: Float32Array
  readonly zeroPoints: Uint8Array | null
}

/** Codes that are filled block by block, column after column. */
export class BlockWriter {
  readonly #bits: 4 | 8
  readonly #block: number
  readonly #blocks: number
  readonly #codes: Uint8Array
  readonly #scales: Float32Array
  readonly #zeroPoints: Uint8Array | null
  readonly #zeroStride: number

  constructor(rows: number, columns: number, block: number, bits: 4 | 8, symmetric: boolean) {
    this.#bits = bits
    this.#block = block
    this.#blocks = Math.ceil(rows / block)
    this.#zeroStride = Math.ceil((this.#blocks * bits) / 8)
    this.#codes = new Uint8Array((columns * this.#blocks * block * bits) / 8)
    this.#scales = new Float32Array(columns * this.#blocks)
    this.#zeroPoints = symmetric ? null : new Uint8Array(columns * this.#zeroStride)
  }

  /** The grid of a block, before its codes; every place of the block holds the zero point until it is set. */
  grid(column: number, b: number, { scale, zero }: Grid): void {
    const at = column * this.#blocks + b
    this.#scales[at] = scale
    if (this.#zeroPoints) put(this.#zeroPoints, column * this.#zeroStride * (8 / this.#bits) + b, zero, this.#bits)
    for (let k = 0; k < this.#block; k++) put(this.#codes, at * this.#block + k, zero, this.#bits)
  }

  set(row: number, column: number, code: number): void {
    const b = Math.floor(row / this.#block)
    put(this.#codes, (column * this.#blocks + b) * this.#block + (row - b * this.#block), code, this.#bits)
  }

  done(): BlockCodes {
    return {
      bits: this.#bits,
      block: this.#block,
      blocks: this.#blocks,
      codes: this.#codes,
      scales: this.#scales,
      zeroPoints: this.#zeroPoints,
    }
  }
}

/**
 * Blockwise codes of weights [K, N] (row-major), a block being `block` consecutive rows of one column; the last one may
 * be ragged, its missing rows are coded as 0. Each weight gets its nearest code on the block's grid, or the one that
 * `given` says, less the zero point.
 */
export function quantizeBlocks(
  values: Float32Array,
  rows: number,
  columns: number,
  block: number,
  options: GridOptions,
  given?: (row: number, column: number) => number,
): BlockCodes {
  const top = 2 ** options.bits - 1
  const writer = new BlockWriter(rows, columns, block, options.bits, options.symmetric)
  for (let n = 0; n < columns; n++)
    for (let b = 0; b * block < rows; b++) {
      const start = b * block
      const own = new Float32Array(Math.min(block, rows - start))
      for (let k = 0; k < own.length; k++) own[k] = values[(start + k) * columns + n]!
      const grid = gridOf(own, options)
      writer.grid(n, b, grid)
      for (let k = 0; k < own.length; k++) {
        const code = given ? given(start + k, n) + grid.zero : codeOf(own[k]!, grid, options.bits)
        writer.set(start + k, n, Math.min(top, Math.max(0, code)))
      }
    }
  return writer.done()
}

function put(bytes: Uint8Array, index: number, code: number, bits: 4 | 8): void {
  if (bits === 8) bytes[index] = code
  else if (index % 2 === 0) bytes[index >> 1] = (bytes[index >> 1]! & 0xf0) | code
  else bytes[index >> 1] = (bytes[index >> 1]! & 0x0f) | (code << 4)
}

/** The weights [K, N] that the codes stand for. */
export function dequantizeBlocks(coded: BlockCodes, rows: number, columns: number): Float32Array {
  const { bits, block, blocks, zeroPoints } = coded
  const zeroStride = Math.ceil((blocks * bits) / 8)
  const take = (bytes: Uint8Array, index: number) =>
    bits === 8 ? bytes[index]! : index % 2 === 0 ? bytes[index >> 1]! & 15 : bytes[index >> 1]! >> 4
  const values = new Float32Array(rows * columns)
  for (let n = 0; n < columns; n++) {
    for (let k = 0; k < rows; k++) {
      const b = Math.floor(k / block)
      const zero = zeroPoints ? take(zeroPoints, n * zeroStride * (8 / bits) + b) : 2 ** (bits - 1)
      const code = take(coded.codes, (n * blocks + b) * block + (k - b * block))
      values[k * columns + n] = (code - zero) * coded.scales[n * blocks + b]!
    }
  }
  return values
}
