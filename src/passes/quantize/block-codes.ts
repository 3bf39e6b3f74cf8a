/**
 * Unsigned 4- or 8-bit codes of a matrix in blocks along its rows, in the layout of com.microsoft.MatMulNBits:
 * `codes` uint8 [N, blocks, block·bits/8], low nibble first; `scales` [N · blocks]; `zeroPoints` uint8
 * [N, ⌈blocks·bits/8⌉], packed the same way.
 */
export interface BlockCodes {
  readonly bits: 4 | 8
  readonly block: number
  readonly blocks: number
  readonly codes: Uint8Array
  readonly scales: Float32Array
  readonly zeroPoints: Uint8Array
}

/**
 * Blockwise asymmetric codes of weights [K, N] (row-major), a block being `block` consecutive rows of one column; the
 * last one may be ragged, its missing rows are coded as 0. Each block's range is widened to hold 0, scale =
 * range / (2^bits − 1): the error of a weight is at most half a scale, and one more half where the zero point was rounded
 * at an end of the range.
 */
export function quantizeBlocks(
  values: Float32Array,
  rows: number,
  columns: number,
  bits: 4 | 8,
  block: number,
): BlockCodes {
  const blocks = Math.ceil(rows / block)
  const top = 2 ** bits - 1
  const scales = new Float32Array(columns * blocks)
  const codes = new Uint8Array((columns * blocks * block * bits) / 8)
  const zeroStride = Math.ceil((blocks * bits) / 8)
  const zeroPoints = new Uint8Array(columns * zeroStride)
  for (let n = 0; n < columns; n++) {
    for (let b = 0; b < blocks; b++) {
      const end = Math.min(rows, (b + 1) * block)
      let [min, max] = [0, 0]
      for (let k = b * block; k < end; k++) {
        const value = values[k * columns + n]!
        if (value < min) min = value
        if (value > max) max = value
      }
      const scale = max === min ? 1 : Math.max(Math.fround((max - min) / top), 1.1754943508222875e-38)
      const zero = Math.min(top, Math.max(0, Math.round(-min / scale)))
      scales[n * blocks + b] = scale
      put(zeroPoints, n * zeroStride * (8 / bits) + b, zero, bits)
      const base = (n * blocks + b) * block
      for (let k = 0; k < block; k++) {
        const row = b * block + k
        const code = row < rows ? Math.round(values[row * columns + n]! / scale) + zero : zero
        put(codes, base + k, Math.min(top, Math.max(0, code)), bits)
      }
    }
  }
  return { bits, block, blocks, codes, scales, zeroPoints }
}

function put(bytes: Uint8Array, index: number, code: number, bits: 4 | 8): void {
  if (bits === 8) bytes[index] = code
  else bytes[index >> 1]! |= index % 2 === 0 ? code : code << 4
}

/** The weights [K, N] that the codes stand for. */
export function dequantizeBlocks(coded: BlockCodes, rows: number, columns: number): Float32Array {
  const { bits, block, blocks } = coded
  const zeroStride = Math.ceil((blocks * bits) / 8)
  const take = (bytes: Uint8Array, index: number) =>
    bits === 8 ? bytes[index]! : index % 2 === 0 ? bytes[index >> 1]! & 15 : bytes[index >> 1]! >> 4
  const values = new Float32Array(rows * columns)
  for (let n = 0; n < columns; n++) {
    for (let k = 0; k < rows; k++) {
      const b = Math.floor(k / block)
      const zero = take(coded.zeroPoints, n * zeroStride * (8 / bits) + b)
      const code = take(coded.codes, (n * blocks + b) * block + (k - b * block))
      values[k * columns + n] = (code - zero) * coded.scales[n * blocks + b]!
    }
  }
  return values
}
