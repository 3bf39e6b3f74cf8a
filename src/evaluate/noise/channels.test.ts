import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sixDigits, toldChannels } from './channels.ts'

test('six digits are those of the text', () => {
  const same = (value: number) => {
    expect(sixDigits(value)).toBe(Number(value.toPrecision(6)))
  }
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), same), { numRuns: 3000, seed: 5 })
  fc.assert(fc.property(fc.float({ min: -100, max: 100, noNaN: true }), same), { numRuns: 3000, seed: 5 })
  for (const value of [0, 1, -1, 0.5, 999999.5, 99999.95, 1234565, 0.1234565, 1e-30, 1e30, 123456.5, 1000000])
    same(value)
})

test('what several values share is taken apart by their dimensions, told or known', () => {
  const packs = [
    {
      output: 'p',
      values: [
        { name: 'a', axis: 1, rank: 3, dims: null },
        { name: 'b', axis: -1, rank: 2, dims: [4, 2] },
      ],
    },
  ]
  const data = Float32Array.of(2, 1, 5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
  const p = { dtype: 'float32', dims: [data.length], data } as const
  expect(Object.fromEntries(toldChannels({ p }, packs))).toEqual({
    a: {
      channels: 1,
      elements: 10,
      min: Float32Array.of(1, 2),
      max: Float32Array.of(3, 4),
      mean: Float32Array.of(5, 6),
    },
    b: {
      channels: 2,
      elements: 8,
      min: Float32Array.of(7, 8),
      max: Float32Array.of(9, 10),
      mean: Float32Array.of(11, 12),
    },
  })
  expect(() => toldChannels({ p: { ...p, data: data.subarray(1) } }, packs)).toThrow('concludes other sizes')
})
