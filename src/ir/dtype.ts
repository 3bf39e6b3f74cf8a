/**
 * Element types, under the names that reports and runtimes use, with their ONNX numbers.
 * Source: `TensorProto.DataType` of ONNX 1.20.
 */
export const DTYPES = {
  undefined: { code: 0, bits: 0 },
  float32: { code: 1, bits: 32 },
  uint8: { code: 2, bits: 8 },
  int8: { code: 3, bits: 8 },
  uint16: { code: 4, bits: 16 },
  int16: { code: 5, bits: 16 },
  int32: { code: 6, bits: 32 },
  int64: { code: 7, bits: 64 },
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8 },
  float16: { code: 10, bits: 16 },
  float64: { code: 11, bits: 64 },
  uint32: { code: 12, bits: 32 },
  uint64: { code: 13, bits: 64 },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16 },
  float8e4m3fn: { code: 17, bits: 8 },
  float8e4m3fnuz: { code: 18, bits: 8 },
  float8e5m2: { code: 19, bits: 8 },
  float8e5m2fnuz: { code: 20, bits: 8 },
  uint4: { code: 21, bits: 4 },
  int4: { code: 22, bits: 4 },
  float4e2m1: { code: 23, bits: 4 },
  float8e8m0: { code: 24, bits: 8 },
  uint2: { code: 25, bits: 2 },
  int2: { code: 26, bits: 2 },
} as const

/** The type of an element, as ONNX calls it. */
export type DType = keyof typeof DTYPES

const byCode = new Map<number, DType>(Object.entries(DTYPES).map(([name, { code }]) => [code, name as DType]))

/** The element type with this ONNX number, or undefined for a number that ONNX 1.20 does not define. */
export function dtypeFromCode(code: number): DType | undefined {
  return byCode.get(code)
}

/** Bytes that `count` packed elements take in `raw_data`; types below 8 bits are packed, the last byte padded. */
export function byteLengthOf(dtype: DType, count: number): number {
  return Math.ceil((DTYPES[dtype].bits * count) / 8)
}

const FLOATING: ReadonlySet<DType> = new Set([
  'float16',
  'bfloat16',
  'float32',
  'float64',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'float4e2m1',
  'float8e8m0',
])

/** Whether elements are real numbers in floating point (complex types are not). */
export function isFloating(dtype: DType): boolean {
  return FLOATING.has(dtype)
}
