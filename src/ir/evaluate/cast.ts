import { DTYPES, type DType, dtypeFromCode, isFloating } from '../dtype.ts'
import {
  encodeNumbers,
  INTEGER_RANGES,
  isNumeric,
  isSmallFloat,
  roundTo,
  type ScaleRounding,
  smallFloatTable,
  toNumbers,
} from '../numbers.ts'
import { inMemory } from '../tensor.ts'
import { leastBeyond, requireWithin } from './beyond-range.ts'
import { type Call, input, intOf, type Kernels, textOf } from './call.ts'
import { carried, EvaluationError, fromFloat64, isWide, type Nd, nd, numbersOf } from './value.ts'

/** How numbers become strings: as C++ and numpy print the shortest float that reads back. */
function printed(value: number, dtype: DType): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'INF' : '-INF'
  if (!isFloating(dtype)) return String(value)
  if (dtype === 'float64') return String(value)
  for (let digits = 1; digits < 10; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return String(Number(text))
  }
  return String(value)
}

function parsed(text: string): number {
  const name = text.trim().toLowerCase()
  if (/^[+-]?inf(inity)?$/.test(name)) return name.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^[+-]?nan$/.test(name)) return Number.NaN
  const value = Number(text)
  if (name === '' || Number.isNaN(value)) throw new EvaluationError(`"${text}" is no number`)
  return value
}

interface CastOptions {
  readonly saturate?: boolean
  readonly scaleRounding?: ScaleRounding
}

/**
 * Elements of another type: floats to integers drop the fraction, integers wrap, narrow floats saturate if asked. Floats
 * that no integer of the type is near become what x86 makes of them.
 */
export function cast(x: Nd, to: DType, float64: boolean, options: CastOptions): Nd {
  const dtype = carried(to, float64)
  if (dtype === 'string') {
    const text = isWide(x.dtype)
      ? Array.from(x.data as BigInt64Array, String)
      : x.dtype === 'string'
        ? (x.data as readonly string[])
        : Array.from(numbersOf(x), (v) => printed(v, x.dtype))
    return nd('string', x.dims, text)
  }
  if (x.dtype === 'string') {
    if (isWide(dtype)) {
      const whole = (x.data as readonly string[]).map((text) =>
        /^\s*[+-]?\d+\s*$/.test(text) ? BigInt(text.trim()) : BigInt(Math.trunc(parsed(text))),
      )
      return nd(dtype, x.dims, dtype === 'int64' ? BigInt64Array.from(whole) : BigUint64Array.from(whole))
    }
    return fromFloat64(dtype, x.dims, Float64Array.from(x.data as readonly string[], parsed))
  }
  if (isWide(x.dtype) && isWide(dtype)) {
    const data = x.data as BigInt64Array
    return nd(dtype, x.dims, dtype === 'int64' ? BigInt64Array.from(data) : BigUint64Array.from(data))
  }
  if (isWide(x.dtype) && INTEGER_RANGES[dtype] && dtype !== 'bool') {
    const low = Float64Array.from(x.data as BigInt64Array, (v) => Number(BigInt.asIntN(32, v)))
    return fromFloat64(dtype, x.dims, low)
  }
  const data = numbersOf(x)
  if (isSmallFloat(dtype)) {
    const codes = encodeNumbers(dtype, data, options)
    const table = smallFloatTable(dtype)
    if (dtype !== 'float4e2m1')
      return nd(
        dtype,
        x.dims,
        Float64Array.from(codes as Uint8Array, (code) => table[code]!),
      )
  }
  if (dtype === 'float8e8m0' || dtype === 'float4e2m1') {
    const bytes = new Uint8Array(encodeNumbers(dtype, data, options).buffer as ArrayBuffer)
    return nd(
      dtype,
      x.dims,
      toNumbers({ name: '', dtype, dims: x.dims, data: { form: 'raw', bytes: inMemory(bytes) } }),
    )
  }
  // Floats become integers below a byte by rounding and saturating, as ONNX's own conversion does.
  if (DTYPES[dtype].bits < 8 && isFloating(x.dtype))
    return nd(
      dtype,
      x.dims,
      Float64Array.from(data, (v) => roundTo(dtype, v)),
    )
  return fromFloat64(dtype, x.dims, isFloating(x.dtype) ? leastBeyond(dtype, data).slice() : data.slice())
}

/** A cast of the call's first input. */
function castInput(call: Call, to: DType): readonly Nd[] {
  const x = input(call, 0)
  if (isFloating(x.dtype) && DTYPES[to].bits >= 8) requireWithin(call, to, numbersOf(x))
  return [cast(x, to, call.float64, optionsOf(call))]
}

const ROUNDINGS = new Set(['up', 'down', 'nearest'])
function optionsOf(call: Call): CastOptions {
  const rounding = textOf(call, 'round_mode', 'up')
  if (!ROUNDINGS.has(rounding)) throw new EvaluationError(`round_mode ${rounding}`)
  return { saturate: intOf(call, 'saturate', 1) === 1, scaleRounding: rounding as ScaleRounding }
}

/** The element type that an attribute names by its code; one that is not computed with is an EvaluationError. */
export function dtypeAttribute(call: Call, name: string, fallback: DType): DType {
  const code = intOf(call, name, 0)
  const dtype = code === 0 ? fallback : dtypeFromCode(code)
  if (!dtype || !(isNumeric(dtype) || dtype === 'string')) throw new EvaluationError(`element type ${code}`)
  return dtype
}

export const casting: Kernels = {
  Cast: (call) => castInput(call, dtypeAttribute(call, 'to', 'undefined')),
  CastLike: (call) => castInput(call, input(call, 1).dtype),
  BitCast: (call) => {
    const x = input(call, 0)
    const to = dtypeAttribute(call, 'to', 'undefined')
    const array = encodeNumbers(x.dtype, x.data as Float64Array)
    const bytes = inMemory(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    if (isWide(to)) throw new EvaluationError('BitCast to 64-bit integers')
    return [nd(to, x.dims, toNumbers({ name: '', dtype: to, dims: x.dims, data: { form: 'raw', bytes } }))]
  },
}
