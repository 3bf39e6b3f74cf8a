import { arrayTypeOf, type DType, type NumericArray, tensorOf, toFloat32 } from '../ir/index.ts'

const INTEGERS: ReadonlySet<DType> = new Set([
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
])

/**
 * Elements of one dtype as another of the same kind: floats into wider ones and float64 into float32, and integers (bool too) into any integer type
 * that holds every one of them. Anything else is null: an integer turned into a float is nearly always a picture or a
 * sound that nobody has scaled, and a value that does not fit would be a silent wrong answer.
 */
export function castElements(data: NumericArray, from: DType, to: DType): NumericArray | null {
  if (from === to) return data
  if ((from === 'float16' || from === 'bfloat16') && (to === 'float32' || to === 'float64')) {
    const wide = toFloat32(tensorOf(from, [data.length], data))
    return to === 'float32' ? wide : Float64Array.from(wide)
  }
  if (from === 'float64' && to === 'float32') return Float32Array.from(data as Float64Array)
  if (from === 'float32' && to === 'float64') return Float64Array.from(data as Float32Array)
  if (!INTEGERS.has(from) || !INTEGERS.has(to)) return null
  const Target = arrayTypeOf(to)
  if (Target === BigInt64Array || Target === BigUint64Array) {
    const wide = (Target as BigInt64ArrayConstructor).from(
      Array.from(data as ArrayLike<number | bigint>, (value) => BigInt(value)),
    )
    return sameIntegers(data, wide) ? wide : null
  }
  const narrow = (Target as Uint8ArrayConstructor).from(Array.from(data as ArrayLike<number | bigint>, Number))
  if (to === 'bool' && narrow.some((value) => value > 1)) return null
  return sameIntegers(data, narrow) ? narrow : null
}

function sameIntegers(a: NumericArray, b: NumericArray): boolean {
  for (let i = 0; i < a.length; i++) if (BigInt(a[i]!) !== BigInt(b[i]!)) return false
  return true
}
