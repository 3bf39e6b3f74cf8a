import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quantizeChannels, worstPair } from './channel-weights.ts'

test('one scale a channel, along the axis asked for', () => {
  const values = [1, -2, 3, 100, 200, -254]
  const rows = quantizeChannels(values, [2, 3], 0)
  expect([...rows.scales]).toEqual([3 / 127, 2].map(Math.fround))
  expect([...rows.codes]).toEqual([42, -85, 127, 50, 100, -127])
  const columns = quantizeChannels(values, [2, 3], 1)
  expect([...columns.scales]).toEqual([100 / 127, 200 / 127, 2].map(Math.fround))
  expect([...columns.codes]).toEqual([1, -1, 2, 127, 127, -127])
})

test('a channel of zeros, and a lower bound for a large bias', () => {
  expect([...quantizeChannels([0, 0, 1, 0], [2, 2], 0).scales]).toEqual([1, Math.fround(1 / 127)])
  expect([...quantizeChannels([0, 0, 1, 0], [2, 2], 0, { atLeast: [0.5, 2] }).scales]).toEqual([0.5, 2])
})

test('no pair of codes of a channel adds up to more than 128, whatever the weights', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 6, maxLength: 60 }),
      (values) => {
        const dims = [2, Math.floor(values.length / 2)]
        const used = values.slice(0, dims[0]! * dims[1]!)
        const { codes } = quantizeChannels(used, dims, 0, { pairSafe: true })
        expect(worstPair(codes, dims, 0)).toBeLessThanOrEqual(128)
      },
    ),
  )
  // Without it, two equal weights already do: 255 · (127 + 127) does not fit into 16 bits.
  expect(worstPair(quantizeChannels([1, 1], [1, 2], 0).codes, [1, 2], 0)).toBe(254)
})

test('a code is at most half a scale away from its weight', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 12, maxLength: 12 }), (values) => {
      const { codes, scales } = quantizeChannels(values, [3, 4], 1)
      values.forEach((value, i) => {
        expect(Math.abs(codes[i]! * scales[i % 4]! - value)).toBeLessThanOrEqual(0.5001 * scales[i % 4]!)
      })
    }),
  )
})
