import fc from 'fast-check'
import { expect, test } from 'vitest'
import { affineU8, quantizeBias, quantizeU8, rangeOf, rangeOfU8 } from './affine.ts'

test('the range −1 … 2 has zero point 85 and scale 3/255', () => {
  expect(affineU8({ min: -1, max: 2 })).toEqual({ scale: Math.fround(3 / 255), zeroPoint: 85 })
})

test('a range is widened to hold 0', () => {
  expect(affineU8({ min: 1, max: 5.1 })).toEqual({ scale: Math.fround(5.1 / 255), zeroPoint: 0 })
  expect(affineU8({ min: -5.1, max: -1 })).toEqual({ scale: Math.fround(5.1 / 255), zeroPoint: 255 })
  expect(affineU8({ min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0 })
  expect(affineU8({ min: 0, max: 1e-44 }).scale).toBeGreaterThanOrEqual(1.1754943508222875e-38)
})

test('0 is exact, and nothing inside is off by more than half a step and the shift of the zero point', () => {
  const numbers = fc.double({ min: -1e6, max: 1e6, noNaN: true })
  fc.assert(
    fc.property(numbers, numbers, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, t) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)]
      const codes = affineU8({ min, max })
      const value = min + (max - min) * t
      const [code, zero] = quantizeU8([value, 0], codes)
      expect(zero).toBe(codes.zeroPoint)
      const back = (code! - codes.zeroPoint) * codes.scale
      expect(Math.abs(back - value)).toBeLessThanOrEqual(1.01 * codes.scale)
      const reach = rangeOfU8(codes)
      expect(reach.min).toBeLessThanOrEqual(0)
      expect(reach.max).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('halves go to the even code, as the runtime rounds', () => {
  expect([...quantizeU8([0.5, 1.5, 2.5, 300, -1], { scale: 1, zeroPoint: 0 })]).toEqual([0, 2, 2, 255, 0])
  // What is rounded is the quotient, before the zero point is added to it.
  expect([...quantizeU8([0.5, 1.5, -3, -9, 252, 300], { scale: 1, zeroPoint: 3 })]).toEqual([3, 5, 0, 0, 255, 255])
})

test('codes reach from −zero point to 255 − zero point, in scales', () => {
  expect(rangeOfU8({ scale: 0.5, zeroPoint: 10 })).toEqual({ min: -5, max: 122.5 })
})

test('a bias has the scale of input times weights, in 32 bits', () => {
  expect([...quantizeBias([1, -2, 1e12], 0.5, Float32Array.of(0.25, 0.5, 1e-3))]).toEqual([8, -8, 2147483647])
  expect([...quantizeBias([3], 1, Float32Array.of(1, 2))]).toEqual([3, 2])
  expect([...quantizeBias([-1e12], 0.5, Float32Array.of(1e-3))]).toEqual([-2147483648])
})

test('a range of what is not finite is none', () => {
  expect(rangeOf([1, Number.NaN])).toBeNull()
  expect(rangeOf([1, Number.POSITIVE_INFINITY])).toBeNull()
  expect(rangeOf([3, -1, 2])).toEqual({ min: -1, max: 3 })
  expect(rangeOf([1, 5])).toEqual({ min: 1, max: 5 })
  expect(rangeOf([])).toEqual({ min: 0, max: 0 })
})
