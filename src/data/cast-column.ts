import {
  arrayTypeOf,
  type DType,
  encodeNumbers,
  isFloating,
  type NumericArray,
  tensorOf,
  toFloat32,
} from '../ir/index.ts'
import { UserError } from '../platform/index.ts'

const INTEGERS: ReadonlySet<DType> = new Set([
  'bool',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
])

/** Types whose elements are held as their bits. */
export const HALVES: ReadonlySet<DType> = new Set(['float16', 'bfloat16'])

/**
 * Whether values of type `from` may be fed to an input of type `to`: anything numeric to floating point (rounded),
 * integers to integers and truth values (each value is checked to fit). Floating point to integers never.
 */
export function canCast(from: DType, to: DType): boolean {
  if (from === to) return true
  const integer = INTEGERS.has(from)
  if (to === 'float32' || to === 'float64' || HALVES.has(to))
    return integer || HALVES.has(from) || from === 'float32' || from === 'float64'
  return integer && INTEGERS.has(to)
}

/** Converts elements; `where` and `what` name them in the error for an integer that does not fit. */
export function castElements(data: NumericArray, from: DType, to: DType, what: string, where: string): NumericArray {
  if (from === to) return data
  if (HALVES.has(from)) {
    const wide = toFloat32(tensorOf(from, [data.length], data))
    return castElements(wide, 'float32', to, what, where)
  }
  if (HALVES.has(to)) return encodeNumbers(to, data as Float64Array)
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
    for (let i = 0; i < data.length; i++)
      if (narrow[i] !== Number(data[i]!) || (to === 'bool' && narrow[i]! > 1)) throw misfit(data[i]!, to, what, where)
  return narrow
}

function misfit(value: number | bigint, to: DType, what: string, where: string): UserError {
  return new UserError('bad-data', `${what} holds ${value}, which does not fit ${to}.`, {
    where,
    hint: `The model takes ${to}: write values in that range.`,
  })
}
