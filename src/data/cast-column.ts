import { arrayTypeOf, type DType, isFloating, type NumericArray, tensorOf, toFloat32 } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'

const INTEGER_BITS: Partial<Record<DType, readonly [bits: number, signed: boolean]>> = {
  bool: [1, false],
  int8: [8, true],
  uint8: [8, false],
  int16: [16, true],
  uint16: [16, false],
  int32: [32, true],
  uint32: [32, false],
  int64: [64, true],
  uint64: [64, false],
}

/**
 * Whether values of type `from` may be fed to an input of type `to`: anything numeric to float32 or float64, integers
 * to integers (each value is checked to fit). Floating point to integers never.
 */
export function canCast(from: DType, to: DType): boolean {
  if (from === to) return true
  const integer = from in INTEGER_BITS
  if (to === 'float32' || to === 'float64') return integer || isFloating(from)
  return integer && to in INTEGER_BITS && to !== 'bool'
}

/** Whether every value of `from` is a value of `to`, so that nothing needs checking or telling beyond the type. */
export function isExactCast(from: DType, to: DType): boolean {
  const bits = INTEGER_BITS[from]?.[0]
  if (to === 'float64') return from !== 'int64' && from !== 'uint64'
  if (to === 'float32') return bits === undefined ? from !== 'float64' : bits <= 16
  return false
}

/** Converts elements; `where` and `what` name them in the error for an integer that does not fit. */
export function castElements(data: NumericArray, from: DType, to: DType, what: string, where: string): NumericArray {
  if (from === to) return data
  if (from === 'float16' || from === 'bfloat16') {
    const wide = toFloat32(tensorOf(from, [data.length], data))
    return to === 'float32' ? wide : Float64Array.from(wide)
  }
  const Type = arrayTypeOf(to)
  const result = new Type(data.length)
  if (to === 'int64' || to === 'uint64') {
    const wide = result as BigInt64Array | BigUint64Array
    for (let i = 0; i < data.length; i++) {
      const value = BigInt(data[i]!)
      wide[i] = value
      if (wide[i] !== value) throw misfit(value, to, what, where)
    }
    return wide
  }
  const narrow = result as Float32Array
  for (let i = 0; i < data.length; i++) narrow[i] = Number(data[i]!)
  if (!isFloating(to))
    for (let i = 0; i < data.length; i++) if (narrow[i] !== Number(data[i]!)) throw misfit(data[i]!, to, what, where)
  return narrow
}

function misfit(value: number | bigint, to: DType, what: string, where: string): UserError {
  return new UserError('bad-data', `${what} holds ${value}, which does not fit ${to}.`, {
    where,
    hint: `The model takes ${to}: write values in that range.`,
  })
}
