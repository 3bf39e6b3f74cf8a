import type { DType } from '../dtype.ts'
import { INTEGER_RANGES, isInteger } from '../numbers.ts'
import type { Call } from './call.ts'
import { EvaluationError } from './value.ts'

/**
 * Holds numbers that become integers against what the type holds, where a value is wanted that every processor gives.
 * C++ leaves open what becomes of others: of 10¹⁰ and of infinity as int32, x86 makes the least number and ARM the
 * greatest. NaN is such a number, too.
 */
export function requireWithin(call: Call, dtype: DType, numbers: ArrayLike<number>): void {
  if (!call.anyProcessor || !isInteger(dtype)) return
  const [low, high] = INTEGER_RANGES[dtype]!
  // The ends of 64 bits are powers of two, which doubles hold, unlike the greatest number below.
  const holds = high > Number.MAX_SAFE_INTEGER ? (x: number) => x < high : (x: number) => x <= high
  for (let i = 0; i < numbers.length; i++) {
    const whole = Math.trunc(numbers[i]!)
    if (!(whole >= low && holds(whole)))
      throw new EvaluationError(`${numbers[i]} as ${dtype}, of which processors make different numbers`)
  }
}

/** What x86 makes of floats as integers of 32 and 64 bits: the least number of those that do not fit. */
export function leastBeyond(dtype: DType, numbers: Float64Array): Float64Array {
  if (dtype !== 'int32' && dtype !== 'int64') return numbers
  const [low, high] = [INTEGER_RANGES[dtype]![0], dtype === 'int32' ? 2 ** 31 : 2 ** 63]
  return numbers.map((x) => (x > low - 1 && x < high ? x : low))
}
