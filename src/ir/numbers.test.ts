import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DType } from './dtype.ts'
import {
  encodeNumbers,
  encodeSmallFloat,
  fromNumbers,
  roundHalfEven,
  roundTo,
  smallFloatTable,
  toFloat32,
  toNumbers,
} from './numbers.ts'
import { tensorBytes, tensorOf, tensorValues } from './tensor.ts'

const SMALL = [
  'float16',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'float4e2m1',
] as const

describe.each(SMALL)('%s', (dtype) => {
  const table = smallFloatTable(dtype)

  test('every bit pattern that is not NaN round trips', () => {
    const wrong: number[] = []
    let numbers = 0
    for (const [pattern, value] of table.entries()) {
      if (Number.isNaN(value)) continue
      numbers++
      if (encodeSmallFloat(dtype, value, false) !== pattern) wrong.push(pattern)
    }
    expect(wrong).toEqual([])
    expect(numbers).toBe(
      {
        float16: 63490,
        bfloat16: 65282,
        float8e4m3fn: 254,
        float8e4m3fnuz: 255,
        float8e5m2: 250,
        float8e5m2fnuz: 255,
        float4e2m1: 16,
      }[dtype],
    )
  })

  test('halfway between neighbours goes to the even code, and anything else to the nearer', () => {
    const half = table.length / 2
    for (let code = 0; code + 1 < half; code++) {
      const [a, b] = [table[code]!, table[code + 1]!]
      if (!Number.isFinite(a) || !Number.isFinite(b)) continue
      const middle = (a + b) / 2
      const even = code % 2 === 0 ? code : code + 1
      if (encodeSmallFloat(dtype, middle) !== even) expect.fail(`${middle} is not ${even}`)
      const gap = (b - a) * 2 ** -20
      if (encodeSmallFloat(dtype, middle - gap) !== code) expect.fail(`below ${middle}`)
      if (encodeSmallFloat(dtype, middle + gap) !== code + 1) expect.fail(`above ${middle}`)
    }
    expect(encodeSmallFloat(dtype, -table[1]!)).toBe(half + 1)
  })
})

test('known bit patterns', () => {
  const f16 = (x: number) => encodeSmallFloat('float16', x)
  expect([0, -0, 1, -2, 65504, 65519.99, 65520, 2 ** -24, 2 ** -25, 1 / 3].map(f16)).toEqual([
    0, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7c00, 1, 0, 0x3555,
  ])
  expect(f16(Number.NaN)).toBe(0x7e00)
  // One rounding only: by way of float32 this would land on the tie and go to the even neighbour, 1.
  expect(f16(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01)
  expect(encodeSmallFloat('bfloat16', Math.PI)).toBe(0x4049)
  expect(encodeSmallFloat('bfloat16', 3.4e38)).toBe(0x7f80)
  // The table of ONNX's Cast: saturating and not.
  const huge = [1e6, -1e6, Number.POSITIVE_INFINITY, Number.NaN]
  expect(huge.map((x) => encodeSmallFloat('float8e4m3fn', x))).toEqual([0x7e, 0xfe, 0x7e, 0x7f])
  expect(huge.map((x) => encodeSmallFloat('float8e4m3fn', x, false))).toEqual([0x7f, 0xff, 0x7f, 0x7f])
  expect(huge.map((x) => encodeSmallFloat('float8e4m3fnuz', x, false))).toEqual([0x80, 0x80, 0x80, 0x80])
  expect(huge.map((x) => encodeSmallFloat('float8e5m2', x))).toEqual([0x7b, 0xfb, 0x7b, 0x7f])
  expect(huge.map((x) => encodeSmallFloat('float8e5m2', x, false))).toEqual([0x7c, 0xfc, 0x7c, 0x7f])
  expect(huge.map((x) => encodeSmallFloat('float4e2m1', x, false))).toEqual([7, 15, 7, 7])
  expect(encodeSmallFloat('float8e4m3fnuz', -0)).toBe(0)
  expect(Array.from(smallFloatTable('float4e2m1'))).toEqual([
    0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6,
  ])
})

test('packed integers: lowest bits first, last byte padded, negative numbers in two’s complement', () => {
  expect(Array.from(tensorBytes(fromNumbers('int4', [3], [-8, 7, -1])))).toEqual([0x78, 0x0f])
  expect(Array.from(tensorBytes(fromNumbers('uint4', [3], [1, 15, 16])))).toEqual([0xf1, 0x0f])
  expect(Array.from(tensorBytes(fromNumbers('int2', [5], [-2, 1, -1, 0, 1])))).toEqual([0b00110110, 1])
  for (const dtype of ['int4', 'uint4', 'int2', 'uint2'] as const) {
    const [min, max] = { int4: [-8, 7], uint4: [0, 15], int2: [-2, 1], uint2: [0, 3] }[dtype] as [number, number]
    const all = Array.from({ length: max - min + 1 }, (_, i) => min + i)
    expect(Array.from(toNumbers(fromNumbers(dtype, [all.length], all)))).toEqual(all)
    expect(Array.from(toNumbers(fromNumbers(dtype, [2], [-1e9, 1e9])))).toEqual([min, max])
  }
})

test('integers round half to even and saturate; 64-bit ones are exact as bigints', () => {
  expect(Array.from(toNumbers(fromNumbers('int8', [6], [0.5, 1.5, -2.5, 200, -200, Number.NaN])))).toEqual([
    0, 2, -2, 127, -128, 0,
  ])
  const wide = [-(1n << 63n), (1n << 63n) - 1n, 9007199254740993n]
  expect([...tensorValues(fromNumbers('int64', [3], wide))]).toEqual(wide)
  expect([...tensorValues(fromNumbers('int64', [2], [1e30, Number.NEGATIVE_INFINITY]))]).toEqual([wide[1], wide[0]])
  expect(Array.from(toNumbers(tensorOf('int64', [2], [3, -4])))).toEqual([3, -4])
  expect([...tensorValues(fromNumbers('uint64', [1], [1n << 70n]))]).toEqual([(1n << 64n) - 1n])
  expect(Array.from(toNumbers(fromNumbers('bool', [3], [2, 0, -1])))).toEqual([1, 0, 1])
})

test('float8e8m0 is a power of two', () => {
  const up = encodeNumbers('float8e8m0', [1, 1.01, 3, 2 ** -200, 1e300], { scaleRounding: 'up' })
  expect(Array.from(up, Number)).toEqual([127, 128, 129, 0, 254])
  expect(Array.from(encodeNumbers('float8e8m0', [1.49, 1.5, 0, Number.NaN]), Number)).toEqual([127, 128, 0, 255])
  expect(toNumbers(fromNumbers('float8e8m0', [2], [0.25, 2 ** 127]))).toEqual(Float64Array.of(0.25, 2 ** 127))
})

test('float32 is read in place, float16 exactly', () => {
  const values = Float32Array.of(1.5, -2, 3)
  expect(toFloat32(tensorOf('float32', [3], values)).buffer).toBe(values.buffer)
  expect(Array.from(toFloat32(fromNumbers('float16', [2], [0.1, -1])))).toEqual([0.0999755859375, -1])
})

test('roundTo is what a tensor gives back, for every type', () => {
  const types: DType[] = [
    ...SMALL,
    'float8e8m0',
    'float32',
    'float64',
    'int8',
    'uint16',
    'int4',
    'uint2',
    'int32',
    'bool',
  ]
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.double({ noNaN: true }), (dtype, x) => {
      expect(roundTo(dtype, x)).toBe(toNumbers(fromNumbers(dtype, [1], [x]))[0])
    }),
  )
})

test('roundHalfEven', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, -3.7].map((x) => roundHalfEven(x) + 0)).toEqual([0, 2, 2, 0, -2, 2, -4])
  // Where there is nothing behind the point, or no number, it stays as it is.
  for (const x of [0, -0, 2 ** 51, -(2 ** 51) - 1, 2 ** 52 + 1, 2 ** 60, Number.MAX_VALUE, Infinity, -Infinity, NaN])
    expect(roundHalfEven(x)).toBe(x)
  const halves = fc.maxSafeInteger().map((twice) => twice / 2)
  fc.assert(
    fc.property(fc.oneof(halves, fc.double({ noNaN: true, min: -1e6, max: 1e6 })), (x) => {
      const [whole, off] = [roundHalfEven(x), Math.abs(roundHalfEven(x) - x)]
      expect(Number.isInteger(whole) && off <= 0.5 && (off < 0.5 || whole % 2 === 0)).toBe(true)
    }),
    { numRuns: 2000, seed: 7 },
  )
})
