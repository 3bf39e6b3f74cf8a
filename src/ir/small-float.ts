import type { DType } from './dtype.ts'

/**
 * A binary floating format of at most 16 bits. `emin` is the exponent of the smallest normal number; `infinity` and
 * `nan` are the positive codes, absent where the format has none.
 */
interface SmallFloat {
  readonly bits: number
  readonly mantissa: number
  readonly emin: number
  readonly max: number
  readonly infinity?: number
  readonly nan?: number
  /** Formats without a negative zero use its code for NaN. */
  readonly unsignedZero?: boolean
  /** IEEE formats overflow to infinity whatever the caller says. */
  readonly ieee?: boolean
}

/** Sources: IEEE 754 (float16), the bfloat16 note of Intel, OCP FP8 and MX, and Graphcore's FNUZ formats, as ONNX 1.20. */
const FORMATS = {
  float16: { bits: 16, mantissa: 10, emin: -14, max: 65504, infinity: 0x7c00, nan: 0x7e00, ieee: true },
  bfloat16: {
    bits: 16,
    mantissa: 7,
    emin: -126,
    max: 2 ** 127 * (2 - 2 ** -7),
    infinity: 0x7f80,
    nan: 0x7fc0,
    ieee: true,
  },
  float8e4m3fn: { bits: 8, mantissa: 3, emin: -6, max: 448, nan: 0x7f },
  float8e4m3fnuz: { bits: 8, mantissa: 3, emin: -7, max: 240, nan: 0x80, unsignedZero: true },
  float8e5m2: { bits: 8, mantissa: 2, emin: -14, max: 57344, infinity: 0x7c, nan: 0x7f },
  float8e5m2fnuz: { bits: 8, mantissa: 2, emin: -15, max: 57344, nan: 0x80, unsignedZero: true },
  float4e2m1: { bits: 4, mantissa: 1, emin: 0, max: 6 },
} as const satisfies Partial<Record<DType, SmallFloat>>

type SmallFloatType = keyof typeof FORMATS

/** Whether a floating type has so few patterns that a table holds what each stands for. */
export const isSmallFloat = (dtype: DType): dtype is SmallFloatType => dtype in FORMATS

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)

/** Added to a number below `EXACT` in magnitude it leaves no bits behind the point: the sum is rounded, ties to even. */
const WHOLE = 3 * 2 ** 51
const EXACT = 2 ** 51

/** The nearest integer, ties to even; of -0 that very number. Weights by the million pass through it: no branch that they decide. */
export function roundHalfEven(x: number): number {
  if (x < EXACT && x > -EXACT && x !== 0) return x + WHOLE - WHOLE
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest < 0.5) return floor
  if (rest > 0.5) return floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/**
 * The code of the nearest representable number, ties to even, in one rounding from float64. Beyond the largest finite
 * number: IEEE formats give infinity; the others saturate, or with `saturate: false` give infinity or else NaN.
 * A NaN in a format without NaN becomes the largest number.
 */
export function encodeSmallFloat(dtype: SmallFloatType, x: number, saturate = true): number {
  const format: SmallFloat = FORMATS[dtype]
  const signBit = 1 << (format.bits - 1)
  double[0] = x
  const negative = words[1]! >>> 31 === 1
  if (Number.isNaN(x)) return format.nan === undefined ? code(format.max, format) : format.nan
  const a = Math.abs(x)
  const magnitude = a === Number.POSITIVE_INFINITY ? -1 : code(a, format)
  const limit = maxCode(format)
  if (magnitude < 0 || magnitude > limit) {
    if (format.ieee || !(saturate || (format.infinity === undefined && format.nan === undefined))) {
      const special = format.infinity ?? format.nan!
      return negative && !format.unsignedZero ? special | signBit : special
    }
    return negative ? limit | signBit : limit
  }
  if (!negative || (magnitude === 0 && format.unsignedZero)) return magnitude
  return magnitude | signBit
}

/** The magnitude's code, past the largest code where it rounds beyond the largest number. */
function code(a: number, format: SmallFloat): number {
  if (a === 0) return 0
  double[0] = a
  const exponent = Math.max(((words[1]! >>> 20) & 0x7ff) - 1023, format.emin)
  // Both factors are exact powers of two; the product is exact, and below 2^(mantissa+1).
  const scaled = roundHalfEven(a * 2 ** -(exponent - format.mantissa))
  return scaled + (exponent - format.emin) * 2 ** format.mantissa
}

const limits = new Map<SmallFloat, number>()
function maxCode(format: SmallFloat): number {
  let limit = limits.get(format)
  if (limit === undefined) limits.set(format, (limit = code(format.max, format)))
  return limit
}

function decode(format: SmallFloat, pattern: number): number {
  const signBit = 1 << (format.bits - 1)
  const magnitude = pattern & (signBit - 1)
  const sign = pattern & signBit ? -1 : 1
  if (format.unsignedZero && pattern === format.nan) return Number.NaN
  if (magnitude === format.infinity) return sign * Number.POSITIVE_INFINITY
  if (magnitude > maxCode(format)) return Number.NaN
  const field = magnitude >> format.mantissa
  const fraction = magnitude & ((1 << format.mantissa) - 1)
  const scale = 2 ** (Math.max(field - 1, 0) + format.emin - format.mantissa)
  return sign * (field === 0 ? fraction : fraction + (1 << format.mantissa)) * scale
}

const tables = new Map<SmallFloatType, Float32Array>()
/** The value of each code; every small format is exact in float32. Made once a format. */
export function smallFloatTable(dtype: SmallFloatType): Float32Array {
  let table = tables.get(dtype)
  if (!table) {
    table = Float32Array.from({ length: 1 << FORMATS[dtype].bits }, (_, pattern) => decode(FORMATS[dtype], pattern))
    tables.set(dtype, table)
  }
  return table
}

/** What becomes of a number between two powers of two. */
export type ScaleRounding = 'up' | 'down' | 'nearest'

/** The code of float8e8m0, a power of two 2^(code−127): 0 and below give 0, NaN and infinity beyond the range 255. */
export function encodeE8m0(x: number, rounding: ScaleRounding = 'nearest', saturate = true): number {
  if (Number.isNaN(x)) return 255
  if (!(x > 0)) return 0
  if (x === Number.POSITIVE_INFINITY) return saturate ? 254 : 255
  double[0] = x
  let exponent = ((words[1]! >>> 20) & 0x7ff) - 1023
  const fraction = x / 2 ** exponent - 1
  if (rounding === 'up' ? fraction > 0 : rounding === 'nearest' && fraction >= 0.5) exponent++
  const biased = exponent + 127
  return biased < 0 ? 0 : biased > 254 ? (saturate ? 254 : 255) : biased
}

/** What a pattern of float8e8m0 stands for: 2^(pattern − 127), and NaN for 255. */
export const decodeE8m0 = (pattern: number): number => (pattern === 255 ? Number.NaN : 2 ** (pattern - 127))
