import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyPairReach, quantizeChannels, quantizeWhole } from './channel-weights.ts'
import { depthOrders, pairReach } from './kernel-pairs.ts'

test('one scale a channel, along the axis asked for', () => {
  const values = [1, -2, 3, 100, 200, -254]
  const rows = quantizeChannels(values, [2, 3], 0, {})
  expect([...rows.scales]).toEqual([3 / 127, 2].map(Math.fround))
  expect([...rows.codes]).toEqual([42, -85, 127, 50, 100, -127])
  const columns = quantizeChannels(values, [2, 3], 1, {})
  expect([...columns.scales]).toEqual([100 / 127, 200 / 127, 2].map(Math.fround))
  expect([...columns.codes]).toEqual([1, -1, 2, 127, 127, -127])
})

test('a channel of zeros, and a lower bound for a large bias', () => {
  expect([...quantizeChannels([0, 0, 1, 0], [2, 2], 0, {}).scales]).toEqual([1, Math.fround(1 / 127)])
  expect([...quantizeChannels([0, 0, 1, 0], [2, 2], 0, { atLeast: [0.5, 2] }).scales]).toEqual([0.5, 2])
})

test('one scale for all channels, which each of them can do with', () => {
  const whole = quantizeWhole([1, -2, 3, 100, 200, -254], [2, 3], 0)
  expect([...whole.scales]).toEqual([2])
  expect([...whole.codes]).toEqual([0, -1, 2, 50, 100, -127])
  expect([...quantizeWhole([0, 0, 0, 0], [2, 2], 0).scales]).toEqual([1])
  // Two equal neighbours in the first channel ask for half of the range, and the second goes along.
  const safe = quantizeWhole([1, 1, 1, 0], [2, 2], 0, { pairSafe: 'neighbours' })
  expect(safe.scales).toHaveLength(1)
  expect([...safe.codes]).toEqual([64, 64, 64, 0])
  expect([...quantizeWhole([1, 0, 1, 1, 1, 0], [3, 2], 0, { pairSafe: 'neighbours' }).scales]).toEqual([2 / 128])
  // A channel of zeros can do with any scale.
  expect([...quantizeWhole([0, 0, 0.001, 0], [2, 2], 0).scales]).toEqual([Math.fround(0.001 / 127)])
})

test('a scale that float32 makes smaller grows by a hair where its codes would leave the bound, in that channel alone', () => {
  // Under 1 + 2⁻³⁰ they are 64.5 and 63.5, and 64 both; under 1, as float32 has it, they would be 65 and 64.
  const [first, second] = [64.5, 63.5].map((code) => code * (1 + 2 ** -30)) as [number, number]
  const { codes, scales } = quantizeChannels([1, 0, first, second], [2, 2], 0, { pairSafe: 'neighbours' })
  expect([...codes]).toEqual([127, 0, 64, 63])
  expect([...scales]).toEqual([Math.fround(1 / 127), 1 + 2 ** -20])
})

const worst = (codes: Int8Array, dims: readonly number[], axis: number) =>
  Math.max(...pairReach(codes, depthOrders(dims, axis)))

test('no neighbours add up to more than 128 in codes, whatever the weights and their layout', () => {
  fc.assert(
    fc.property(
      fc.constantFrom([[2, 9], 0] as const, [[9, 2], 1] as const, [[2, 3, 3], 0] as const, [[2, 1, 3, 3], 0] as const),
      fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 18, maxLength: 18 }),
      ([dims, axis], values) => {
        const { codes, scales } = quantizeChannels(values, dims, axis, { pairSafe: 'neighbours' })
        expect(worst(codes, dims, axis)).toBeLessThanOrEqual(128)
        // A channel without such neighbours keeps its whole range.
        const plain = quantizeChannels(values, dims, axis, {})
        const reach = pairReach(plain.codes, depthOrders(dims, axis))
        reach.forEach((most, c) => {
          if (most <= 126) expect(scales[c]).toBe(plain.scales[c])
        })
      },
    ),
  )
  // Without it, two equal weights already do: 255 · (127 + 127) does not fit into 16 bits.
  expect(worst(quantizeChannels([1, 1], [1, 2], 0, {}).codes, [1, 2], 0)).toBe(254)
  expect([...quantizeChannels([1, 0, 1, 0], [1, 4], 0, { pairSafe: 'neighbours' }).codes]).toEqual([127, 0, 127, 0])
  expect([...quantizeChannels([1, 0, 1, 0], [1, 4], 0, { pairSafe: 'any' }).codes]).toEqual([64, 0, 64, 0])
  expect([...quantizeChannels([0.1, 1, 0, 1], [2, 2], 1, { pairSafe: 'any' }).codes]).toEqual([127, 64, 0, 64])
  expect([...quantizeChannels([1, 1], [1, 2], 0, { pairSafe: 'any' }).scales]).toEqual([2 / 128])
})

test('errors that cancel in sums keep the bound too, and channels that would leave it keep their nearest codes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom([[2, 9], 0] as const, [[9, 2], 1] as const, [[2, 3, 3], 0] as const),
      fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 18, maxLength: 18 }),
      ([dims, axis], values) => {
        const nearest = quantizeChannels(values, dims, axis, { pairSafe: 'neighbours' })
        const { codes, scales } = quantizeChannels(values, dims, axis, { pairSafe: 'neighbours', balanced: true })
        expect(worst(codes, dims, axis)).toBeLessThanOrEqual(128)
        expect(scales).toEqual(nearest.scales)
        const error = (of: Int8Array) =>
          [0, 1].map((c) =>
            values.reduce((sum, value, i) => {
              const own = (axis === 0 ? Math.floor(i / 9) : i % 2) === c
              return own ? sum + of[i]! - value / scales[c]! : sum
            }, 0),
          )
        error(codes).forEach((sum, c) => {
          expect(Math.abs(sum)).toBeLessThanOrEqual(Math.abs(error(nearest.codes)[c]!) + 1e-9)
        })
      },
    ),
  )
})

test('where cancelling errors would push a pair beyond the bound, its channel keeps the nearest codes', () => {
  // The largest remainder is that of 64.4, and 65 + 64 is more than 128; the other channel loses 0.9 of 1 and may have it.
  const values = [64.4, 63.6, 0.3, 0.3, 0.3, 0, 120, 0.4, 0.1, 0.1, 0.3, 0]
  const scales = { atLeast: [1, 1] }
  const codesOf = (options: object) => [...quantizeChannels(values, [2, 6], 0, { ...scales, ...options }).codes]
  expect(codesOf({ balanced: true })).toEqual([65, 64, 0, 0, 0, 0, 120, 1, 0, 0, 0, 0])
  expect(codesOf({ balanced: true, pairSafe: 'neighbours' })).toEqual([64, 64, 0, 0, 0, 0, 120, 1, 0, 0, 0, 0])
  // The other way round, by rows and by columns.
  const turned = [...values.slice(6), ...values.slice(0, 6)]
  const options = { ...scales, balanced: true, pairSafe: 'neighbours' } as const
  const kept = [120, 1, 0, 0, 0, 0, 64, 64, 0, 0, 0, 0]
  expect([...quantizeChannels(turned, [2, 6], 0, options).codes]).toEqual(kept)
  const columns = <T>(rows: readonly T[]) => rows.map((_, i) => rows[(i % 2) * 6 + Math.floor(i / 2)]!)
  expect([...quantizeChannels(columns(turned), [6, 2], 1, options).codes]).toEqual(columns(kept))
})

test('in any order the two largest of one sign meet, wherever they stand, in each channel', () => {
  // 5 + 3; then 4 alone against −6 − 4.
  expect([...anyPairReach([3, -1, 5, -4, 4, -6], 2, 3)]).toEqual([8, 10])
  expect([...anyPairReach([5, 4, 1, 0, -2, -3], 2, 3)]).toEqual([9, 5])
  // Channels that take turns: 3 and −4, −1 and 4, 5 and −6.
  expect([...anyPairReach([3, -1, 5, -4, 4, -6], 3, 1)]).toEqual([4, 4, 6])
})

test('with codes that reach less far, weights keep as much of their range as fits, whatever they are', () => {
  fc.assert(
    fc.property(
      fc.constantFrom([[2, 9], 0] as const, [[9, 2], 1] as const, [[2, 3, 3], 0] as const),
      fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 18, maxLength: 18 }),
      fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 18, maxLength: 18 }),
      fc.boolean(),
      ([dims, axis], values, met, balanced) => {
        const reached = met.map((code) => code / 255)
        const { codes, scales } = quantizeChannels(values, dims, axis, { pairSafe: 'neighbours', reached, balanced })
        const sums = pairReach(
          Float64Array.from(codes, (code, i) => code * met[i]!),
          depthOrders(dims, axis),
        )
        for (const sum of sums) expect(sum).toBeLessThanOrEqual(32767)
        const any = quantizeChannels(values, dims, axis, { pairSafe: 'neighbours' })
        const full = quantizeChannels(values, dims, axis, {})
        scales.forEach((scale, c) => {
          expect(scale).toBeGreaterThanOrEqual(full.scales[c]!)
          // Half a code is set aside where two weights are rounded up.
          expect(scale).toBeLessThanOrEqual(any.scales[c]! * 1.004)
        })
      },
    ),
  )
  const half = quantizeChannels([1, 1], [1, 2], 0, { pairSafe: 'neighbours', reached: [1, 0.5] })
  expect([...half.codes]).toEqual([85, 85])
  expect([...half.scales]).toEqual([Math.fround(1.5 / 127.5)])
  const any = (reached: number[]) => [...quantizeChannels([1, 1], [1, 2], 0, { pairSafe: 'any', reached }).codes]
  expect([any([1, 0.5]), any([0.5, 0.5])]).toEqual([
    [85, 85],
    [127, 127],
  ])
  expect([...quantizeChannels([1, 1], [1, 2], 0, { pairSafe: 'neighbours', reached: [0.5, 0.5] }).codes]).toEqual([
    127, 127,
  ])
})

test('a convolution pairs channels of one place, then goes on to the next place', () => {
  // [1, 2, 1, 2]: places a, b of channel 0, then of channel 1; the kernel sees a₀a₁ and b₀b₁.
  const dims = [1, 2, 1, 2]
  expect([...pairReach([100, 0, 0, 100], depthOrders(dims, 0))]).toEqual([100])
  expect([...pairReach([100, 0, 100, 0], depthOrders(dims, 0))]).toEqual([200])
  // Kernels that unfold NCHW see a₀b₀ and a₁b₁ instead.
  expect([...pairReach([100, 100, 0, 0], depthOrders(dims, 0))]).toEqual([200])
})

test('a code is at most half a scale away from its weight', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 12, maxLength: 12 }), (values) => {
      const { codes, scales } = quantizeChannels(values, [3, 4], 1, {})
      values.forEach((value, i) => {
        expect(Math.abs(codes[i]! * scales[i % 4]! - value)).toBeLessThanOrEqual(0.5001 * scales[i % 4]!)
      })
    }),
  )
})
