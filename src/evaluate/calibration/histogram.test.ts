import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clipRange } from './clipping.ts'
import { Histogram } from './histogram.ts'

const fill = (...batches: readonly (readonly number[])[]) => {
  const histogram = new Histogram()
  for (const batch of batches) histogram.add(batch, Math.min(...batch), Math.max(...batch))
  return histogram
}

const number = fc.double({ min: -1e4, max: 1e4, noNaN: true })
const batchesOf = (item: fc.Arbitrary<number>) =>
  fc.array(fc.array(item, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 6 })
const batches = fc.oneof(
  batchesOf(number),
  // Close together on both sides of a power of two, where the width follows from the size and not from the range.
  fc
    .integer({ min: -8, max: 20 })
    .chain((exponent) =>
      batchesOf(fc.double({ min: -1e-4, max: 1e-4, noNaN: true }).map((offset) => 2 ** exponent * (1 + offset))),
    ),
  batchesOf(fc.double({ noNaN: true, noDefaultInfinity: true })),
)

test('bins depend on the numbers, not on how they came', () => {
  fc.assert(
    fc.property(batches, (batches) => {
      const [once, backwards] = [fill(batches.flat()), fill(...batches.toReversed())]
      expect([...backwards.entries()]).toEqual([...once.entries()])
      expect(backwards.zeros).toBe(once.zeros)
      expect(once.total).toBe(batches.flat().length)
    }),
    {
      examples: [
        // Dividing by the width underflows to -0.
        [
          [
            [6384, 0],
            [-1.5e-323, -9996.000000000002, 0],
          ],
        ],
        // The range grows past a power of two and stays narrow.
        [[[8192.1], [8191.9]]],
        // From the finest width to one so coarse that their ratio is no longer a finite number.
        [
          [
            [1.7e308, -1.7e308],
            [-1e-30, 1e-30],
          ],
        ],
      ],
    },
  )
})

test('every number lies in its bin, and at least 2,000 bins divide the range', () => {
  const values = Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 7 + (i % 3))
  const histogram = fill(values)
  const width = histogram.width
  for (const [centre, count] of histogram.entries())
    expect(values.filter((value) => value >= centre - width / 2 && value < centre + width / 2)).toHaveLength(count)
  expect((histogram.max - histogram.min) / width).toBeGreaterThan(2000)
})

test('memory does not grow with the stream', () => {
  const histogram = fill([1, 2, 3])
  const bytes = histogram.byteLength
  for (let i = 0; i < 500; i++) histogram.add([i * i, -i], -i, i * i)
  expect(histogram.byteLength).toBe(bytes)
  expect(histogram.total).toBe(1003)
})

test('percentile: what a sorted list says, to the width of a bin', () => {
  const values = Array.from({ length: 20_000 }, (_, i) => Math.tan(((i + 0.5) / 20_000 - 0.5) * 3.1))
  const histogram = fill(values)
  const sorted = values.toSorted((a, b) => a - b)
  const range = clipRange(histogram, 'percentile', { percentile: 0.99 })
  expect(Math.abs(range.min - sorted[100]!)).toBeLessThanOrEqual(2 * histogram.width)
  expect(Math.abs(range.max - sorted[20_000 - 101]!)).toBeLessThanOrEqual(2 * histogram.width)
})

/** Mean squared error of 8-bit codes over a range, counted number by number. */
function naiveError(values: readonly number[], { min, max }: { min: number; max: number }): number {
  const [low, high] = [Math.min(0, min), Math.max(0, max)]
  const scale = (high - low) / 255
  const zero = Math.round(-low / scale)
  return values.reduce((sum, value) => {
    const code = Math.min(255, Math.max(0, Math.round(value / scale) + zero))
    return sum + ((code - zero) * scale - value) ** 2
  }, 0)
}

test('mse: no range of a naive search over both ends does much better', () => {
  const next = (i: number) => Math.sin(i * 12.9898) * 43758.5453 - Math.floor(Math.sin(i * 12.9898) * 43758.5453)
  // Nearly Laplacian, with a few far outliers on one side.
  const values = Array.from({ length: 8000 }, (_, i) => {
    const u = next(i + 1) - 0.5
    return i % 2000 === 0 ? 60 : -Math.sign(u) * Math.log(1 - 2 * Math.abs(u) + 1e-9)
  })
  const histogram = fill(values)
  const range = clipRange(histogram, 'mse')
  const found = naiveError(values, range)
  let best = Number.POSITIVE_INFINITY
  for (let a = 1; a <= 20; a++)
    for (let b = 1; b <= 20; b++)
      best = Math.min(best, naiveError(values, { min: (histogram.min * a) / 20, max: (histogram.max * b) / 20 }))
  expect(found).toBeLessThanOrEqual(best * 1.05)
  expect(found).toBeLessThan(naiveError(values, { min: histogram.min, max: histogram.max }))
})

test('entropy cuts far outliers and leaves an even spread alone', () => {
  const even = Array.from({ length: 20_000 }, (_, i) => (i / 10_000 - 1) * 5)
  const whole = clipRange(fill(even), 'entropy')
  expect(whole.max - whole.min).toBeGreaterThan(9)
  const bell = Array.from({ length: 50_000 }, (_, i) => Math.sin(i) + Math.sin(i * 1.3) + Math.sin(i * 1.7))
  const cut = clipRange(fill([...bell, 40, 41]), 'entropy')
  expect(cut.max).toBeLessThan(12)
  expect(cut.max).toBeGreaterThan(1.5)
})

test('entropy is not drowned by the zeros that Relu leaves', () => {
  const relu = Array.from({ length: 40_000 }, (_, i) =>
    Math.max(0, Math.sin(i) + Math.sin(i * 1.3) + Math.sin(i * 1.7)),
  )
  expect(relu.filter((value) => value === 0).length).toBeGreaterThan(15_000)
  expect(clipRange(fill(relu), 'entropy').max).toBeGreaterThan(2)
})

test('a constant value, and nothing at all', () => {
  expect(clipRange(fill([3, 3, 3]), 'mse')).toEqual({ min: 3, max: 3 })
  expect(clipRange(fill([0, 0]), 'entropy')).toEqual({ min: 0, max: 0 })
  expect(new Histogram().total).toBe(0)
})
