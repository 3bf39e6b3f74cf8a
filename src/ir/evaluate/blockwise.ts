import { type Call, input, intOf, type Kernels, made, optionalInput } from './call.ts'
import { centred, matmul, scaledSum } from './matmul.ts'
import { dynamicCodes } from './quantize.ts'
import { addMatMulLoss } from './saturate.ts'
import { EvaluationError, type Nd, numbersOf } from './value.ts'

/**
 * The weights [N, K] of MatMulNBits from blocks of packed codes. `B` is [N, blocks, bytes], `scales` [N·blocks], zero
 * points packed a row [N, ⌈blocks·bits/8⌉] or of the type of the scales; without them the middle code is zero. The last
 * block may reach past K.
 */
function unpackedBlocks(call: Call): Float64Array {
  const [k, n] = [intOf(call, 'K', 0), intOf(call, 'N', 0)]
  const bits = intOf(call, 'bits', 4)
  const block = intOf(call, 'block_size', 32)
  if (![2, 4, 8].includes(bits)) throw new EvaluationError(`${bits}-bit blocks`)
  const [packed, scales, zeros] = [numbersOf(input(call, 1)), numbersOf(input(call, 2)), optionalInput(call, 3)]
  const blocks = Math.ceil(k / block)
  const bytes = (block * bits) / 8
  const mask = 2 ** bits - 1
  const perByte = 8 / bits
  const zeroRow = Math.ceil((blocks * bits) / 8)
  const zeroValues = zeros && numbersOf(zeros)
  const zeroOf = (row: number, b: number): number => {
    if (!zeros) return 2 ** (bits - 1)
    if (zeros.dtype !== 'uint8') return zeroValues![row * blocks + b]!
    return (zeroValues![row * zeroRow + Math.floor(b / perByte)]! >> ((b % perByte) * bits)) & mask
  }
  const out = new Float64Array(n * k)
  for (let row = 0; row < n; row++)
    for (let i = 0; i < k; i++) {
      const b = Math.floor(i / block)
      const at = i - b * block
      const code = (packed[(row * blocks + b) * bytes + Math.floor(at / perByte)]! >> ((at % perByte) * bits)) & mask
      out[row * k + i] = (code - zeroOf(row, b)) * scales[row * blocks + b]!
    }
  return out
}

export const blockwise: Kernels = {
  'com.microsoft.MatMulNBits': (call) => {
    const a = input(call, 0)
    const [k, n] = [intOf(call, 'K', 0), intOf(call, 'N', 0)]
    const weights = unpackedBlocks(call)
    const columns = Float64Array.from({ length: k * n }, (_, i) => weights[(i % n) * k + Math.floor(i / n)]!)
    const b: Nd = { kind: 'tensor', dtype: 'float64', dims: [k, n], data: columns }
    const { dims, data } = matmul(a, b)
    const bias = optionalInput(call, 5)
    const added = bias && numbersOf(bias)
    return [made(call, a.dtype, dims, added ? data.map((v, i) => v + added[i % n]!) : data)]
  },
  /** Rows of a table of packed codes, one scale a block along the row; uint8 tables of two dimensions. */
  'com.microsoft.GatherBlockQuantized': (call) => {
    const [table, ids, scales, zeros] = [input(call, 0), input(call, 1), input(call, 2), optionalInput(call, 3)]
    const [bits, block] = [intOf(call, 'bits', 4), intOf(call, 'block_size', 128)]
    if (table.dtype !== 'uint8' || table.dims.length !== 2 || ids.dtype === 'string' || zeros?.dims.length === 1)
      throw new EvaluationError(`a table of ${table.dtype} with ${table.dims.length} dimensions`)
    const [rows, bytes] = table.dims as [number, number]
    const perByte = 8 / bits
    const width = bytes * perByte
    const [codes, factors, offsets] = [numbersOf(table), numbersOf(scales), zeros && numbersOf(zeros)]
    const blocks = scales.dims[1]!
    const zeroRow = zeros?.dims[1] ?? 0
    const take = (values: ArrayLike<number>, row: number, stride: number, at: number) =>
      (values[row * stride + Math.floor(at / perByte)]! >> ((at % perByte) * bits)) & (2 ** bits - 1)
    const out = new Float64Array(ids.data.length * width)
    for (let i = 0; i < ids.data.length; i++) {
      const row = (Number(ids.data[i]) + rows) % rows
      for (let k = 0; k < width; k++) {
        const b = Math.floor(k / block)
        const zero = offsets ? take(offsets, row, zeroRow, b) : 2 ** (bits - 1)
        out[i * width + k] = (take(codes, row, bytes, k) - zero) * factors[row * blocks + b]!
      }
    }
    return [made(call, scales.dtype, [...ids.dims, width], out)]
  },
  /** MatMul with the left side quantized on the fly, one scale for the whole tensor. */
  'com.microsoft.DynamicQuantizeMatMul': (call) => {
    const a = input(call, 0)
    const [codes, scale, zero] = dynamicCodes(a, call.float64)
    const b = centred(input(call, 1), optionalInput(call, 3), 'right')
    const { dims, data } = matmul(centred(codes, zero, 'left'), b)
    addMatMulLoss(call, codes, input(call, 1), data)
    return [scaledSum(call, dims, data, scale, input(call, 2), optionalInput(call, 4))]
  },
}
