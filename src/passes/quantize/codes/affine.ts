import { roundHalfEven } from '../../../ir/index.ts'

/**
 * Integer codes for real numbers: `real = scale · (code − zeroPoint)`, as QuantizeLinear and DequantizeLinear of
 * ONNX define it (round half to even, saturating).
 */
export interface Affine {
  /** A positive float32. */
  readonly scale: number
  readonly zeroPoint: number
}

/** Least and greatest number that a value takes. */
export interface Range {
  readonly min: number
  readonly max: number
}

/** Scales below this are subnormal in float32, where processors are slow and divisions overflow. */
export const SMALLEST_SCALE = 1.1754943508222875e-38

/**
 * Codes 0…255 for a range. The range is widened to hold 0, so that zero padding and Relu stay exact, and the zero
 * point is the nearest code. (−1, 2) gives scale 3/255 and zero point 85; a range of only 0 gives scale 1.
 */
export function affineU8(range: Range): Affine {
  const low = Math.min(0, range.min)
  const high = Math.max(0, range.max)
  if (high === low) return { scale: 1, zeroPoint: 0 }
  const scale = Math.max(Math.fround((high - low) / 255), SMALLEST_SCALE)
  return { scale, zeroPoint: Math.min(255, Math.max(0, roundHalfEven(-low / scale))) }
}

/** The real numbers that the codes 0…255 reach. */
export function rangeOfU8({ scale, zeroPoint }: Affine): Range {
  return { min: -zeroPoint * scale, max: (255 - zeroPoint) * scale }
}

/** Codes of `values` under one scale and zero point. */
export function quantizeU8(values: ArrayLike<number>, { scale, zeroPoint }: Affine): Uint8Array {
  const codes = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++)
    codes[i] = Math.min(255, Math.max(0, roundHalfEven(Math.fround(values[i]! / scale)) + zeroPoint))
  return codes
}

/** Smallest and largest of `values`; null where one of them is not a finite number. An empty array gives 0, 0. */
export function rangeOf(values: ArrayLike<number>): Range | null {
  let min = values.length === 0 ? 0 : values[0]!
  let max = min
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) return null
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max }
}

/** int32 codes of a bias under the scales `inputScale · weightScale[channel]`, zero point 0. */
export function quantizeBias(bias: ArrayLike<number>, inputScale: number, weightScales: Float32Array): Int32Array {
  const codes = new Int32Array(weightScales.length)
  for (let i = 0; i < codes.length; i++) {
    const value = bias[bias.length === 1 ? 0 : i]! / biasScale(inputScale, weightScales[i]!)
    codes[i] = Math.min(2147483647, Math.max(-2147483648, roundHalfEven(value)))
  }
  return codes
}

/** The float32 product, as the runtime computes it. */
export function biasScale(inputScale: number, weightScale: number): number {
  return Math.fround(inputScale * weightScale)
}

/** The codes of a gate: values between 0 and 1. */
export const UNIT: Affine = { scale: Math.fround(1 / 255), zeroPoint: 0 }
