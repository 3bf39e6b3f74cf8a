import { describe, expect, test } from 'vitest'
import { type Kernel, resample } from './resample.ts'

const row = (values: readonly number[], to: number, kernel: Kernel, antialias = true) => {
  const image = { height: 1, width: values.length, channels: 1, data: Uint8Array.from(values) }
  return Array.from(resample(image, [1, to], kernel, antialias).data)
}
const column = (values: readonly number[], to: number, kernel: Kernel) => {
  const image = { height: values.length, width: 1, channels: 1, data: Uint8Array.from(values) }
  return Array.from(resample(image, [to, 1], kernel, true).data)
}

describe('resample', () => {
  // Worked by hand from the definition: centres at (i + ½)·scale, weights normalised at the edges.
  test.each<[readonly number[], number, Kernel, boolean, readonly number[]]>([
    [[0, 200], 4, 'linear', true, [0, 50, 150, 200]],
    [[0, 0, 0, 0, 200, 200, 200, 200], 4, 'linear', true, [0, 25, 175, 200]],
    // Without antialiasing only the two pixels around each centre count: (0 + 8) / 2, …
    [[0, 8, 100, 200, 16, 32, 0, 0], 4, 'linear', false, [4, 150, 24, 0]],
    [[0, 8, 100, 200, 16, 32, 0, 0], 4, 'box', true, [4, 150, 24, 0]],
    [[1, 2, 3, 4, 5, 6], 3, 'nearest', true, [2, 4, 6]],
    [[0, 200], 4, 'nearest', true, [0, 0, 200, 200]],
    // Cubic at offsets ¼ and ¾ between 0, 0 | 200, 200: weights −0.0703125, 0.8671875, 0.2265625, −0.0234375.
    [[0, 0, 200, 200], 8, 'cubic', true, [0, 0, 0, 41, 159, 0, 0, 0]],
  ])('%j → %i by %s, antialias %s', (values, to, kernel, antialias, expected) => {
    const got = row(values, to, kernel, antialias)
    if (kernel === 'cubic') expect(got.slice(3, 5)).toEqual(expected.slice(3, 5))
    else expect(got).toEqual(expected)
  })

  test.each(['nearest', 'box', 'linear', 'hamming', 'cubic', 'lanczos'] as const)(
    '%s: a flat image stays flat, columns go like rows, and a mirrored image gives the mirrored result',
    (kernel) => {
      expect(new Set(row(new Array(17).fill(93), 5, kernel))).toEqual(new Set([93]))
      expect(new Set(row(new Array(5).fill(93), 17, kernel))).toEqual(new Set([93]))
      const values = [3, 99, 250, 0, 17, 201, 88, 143, 5]
      for (const to of [4, 20]) {
        expect(column(values, to, kernel)).toEqual(row(values, to, kernel))
        // These two give a pixel on their very edge to one side only: no mirror image there.
        if (kernel === 'nearest' || kernel === 'box') continue
        const mirrored = row([...values].reverse(), to, kernel).reverse()
        for (const [i, value] of row(values, to, kernel).entries())
          expect(Math.abs(value - mirrored[i]!)).toBeLessThanOrEqual(1)
      }
    },
  )

  // By Pillow 11.1.
  test.each<[Kernel, readonly number[], readonly number[]]>([
    ['box', [51, 89, 145, 74], [3, 3, 99, 250, 250, 0, 0, 17, 201, 201, 88, 88, 143, 5, 5]],
    ['linear', [94, 83, 121, 81], [3, 41, 99, 190, 200, 50, 7, 17, 127, 178, 111, 110, 143, 60, 5]],
    ['hamming', [76, 76, 134, 82], [3, 30, 99, 208, 239, 11, 5, 17, 149, 196, 93, 103, 143, 44, 5]],
    ['cubic', [94, 87, 119, 80], [0, 30, 99, 216, 221, 39, 0, 17, 141, 195, 105, 107, 143, 56, 0]],
    ['lanczos', [99, 90, 114, 84], [0, 19, 99, 236, 221, 50, 0, 17, 152, 196, 106, 105, 143, 58, 0]],
  ])('%s, smaller and larger, as Pillow does it', (kernel, smaller, larger) => {
    const values = [3, 99, 250, 0, 17, 201, 88, 143, 5]
    expect(row(values, 4, kernel)).toEqual(smaller)
    expect(row(values, 15, kernel)).toEqual(larger)
  })

  test('channels are resized apart', () => {
    const image = { height: 1, width: 2, channels: 3, data: Uint8Array.of(0, 10, 100, 200, 10, 0) }
    expect(Array.from(resample(image, [2, 4], 'linear', true).data)).toEqual([
      ...[0, 10, 100, 50, 10, 75, 150, 10, 25, 200, 10, 0],
      ...[0, 10, 100, 50, 10, 75, 150, 10, 25, 200, 10, 0],
    ])
  })
})
