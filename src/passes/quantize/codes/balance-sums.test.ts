import fc from 'fast-check'
import { expect, test } from 'vitest'
import { furthest, kernelLayout } from './balance-sums.ts'
import { quantizeChannels } from './channel-weights.ts'

const shapes = [
  { dims: [4, 6, 3, 3], axis: 0 },
  { dims: [5, 24], axis: 0 },
  { dims: [24, 5], axis: 1 },
] as const

test.each(shapes)(
  'errors of $dims add up to at most half a code a channel, and little more a kernel',
  ({ dims, axis }) => {
    const count = dims.reduce((product, dim) => product * dim, 1)
    const { outputs, kernels, taps, strides } = kernelLayout(dims, axis)
    // Codes up to 100 have room on both sides: at the last code nothing can be made up for.
    const atLeast = new Float32Array(outputs).fill(1 / 100)
    const weights = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: count, maxLength: count })
    fc.assert(
      fc.property(weights, (list) => {
        const values = Float32Array.from(list)
        const { codes, scales } = quantizeChannels(values, dims, axis, { balanced: true, atLeast })
        expect(scales).toEqual(atLeast)
        for (let o = 0; o < outputs; o++) {
          let total = 0
          for (let k = 0; k < kernels; k++) {
            let sum = 0
            for (let t = 0; t < taps; t++) {
              const place = o * strides.output + k * strides.kernel + t * strides.tap
              const error = codes[place]! - values[place]! / scales[o]!
              // No weight moves further than to the code on its other side.
              expect(Math.abs(error)).toBeLessThan(1.51)
              sum += error
            }
            // A kernel may have given way by one for its channel.
            expect(Math.abs(sum)).toBeLessThanOrEqual(1.51)
            total += sum
          }
          expect(Math.abs(total)).toBeLessThanOrEqual(0.51)
        }
      }),
      { numRuns: 60, seed: 7 },
    )
  },
)

test('a channel keeps the scale that it has without balancing, and its largest code', () => {
  const values = Float32Array.from({ length: 24 }, (_, i) => (i % 12 === 5 ? 1 : 0.0306))
  const plain = quantizeChannels(values, [2, 12], 0, {})
  const { codes, scales } = quantizeChannels(values, [2, 12], 0, { balanced: true })
  expect(scales).toEqual(plain.scales)
  expect([codes[5], codes[17]]).toEqual([127, 127])
  expect(codes).not.toEqual(plain.codes)
})

test('smooth inputs lose far less: a blur of 25 taps over a constant picture', () => {
  const values = Float32Array.from({ length: 25 }, (_, i) => (i === 12 ? 1 : 0.0306))
  const errorOf = (balanced: boolean) => {
    const { codes, scales } = quantizeChannels(values, [1, 1, 5, 5], 0, { balanced })
    return Math.abs(codes.reduce((sum, code) => sum + code, 0) * scales[0]! - values.reduce((sum, w) => sum + w, 0))
  }
  expect(errorOf(false)).toBeGreaterThan(0.01)
  expect(errorOf(true)).toBeLessThan(0.004)
})

test('the furthest of many are those that a stable sort puts first', () => {
  const lists = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(lists, fc.nat(), fc.boolean(), (list, some, greatest) => {
      const values = Float64Array.from(list)
      const count = some % (list.length + 1)
      const sorted = [...values.keys()].sort((a, b) => (greatest ? values[b]! - values[a]! : values[a]! - values[b]!))
      const found = [...furthest(values, count, greatest)]
      expect(found.sort((a, b) => a - b)).toEqual(sorted.slice(0, count).sort((a, b) => a - b))
    }),
    { numRuns: 500, seed: 7 },
  )
})
