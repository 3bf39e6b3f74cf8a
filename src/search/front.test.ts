import fc from 'fast-check'
import { expect, test } from 'vitest'
import { frontOf, paretoFront } from './front.ts'

test('the front keeps what nothing beats', () => {
  const points = [
    { id: 'slow small', x: 9, y: 1 },
    { id: 'fast large', x: 1, y: 9 },
    { id: 'middle', x: 5, y: 5 },
    { id: 'beaten', x: 6, y: 6 },
    { id: 'equal latency, larger', x: 1, y: 10 },
    { id: 'the same twice', x: 5, y: 5 },
  ]
  expect([...paretoFront(points)]).toEqual(['fast large', 'middle', 'the same twice', 'slow small'])
})

test('no point off the front is unbeaten, none on it is beaten', () => {
  const point = fc.record({ x: fc.integer({ min: 0, max: 9 }), y: fc.integer({ min: 0, max: 9 }) })
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 20 }), (raw) => {
      const points = raw.map((p, i) => ({ ...p, id: String(i) }))
      const front = paretoFront(points)
      const beaten = (a: (typeof points)[number]) =>
        points.some((b) => b.x <= a.x && b.y <= a.y && (b.x < a.x || b.y < a.y))
      for (const p of points) expect(front.has(p.id)).toBe(!beaten(p))
    }),
  )
})

test('time is told by the original of the same run: a slower machine moves nothing off the front', () => {
  const timed = (id: string, p50Ms: number, median: number) => {
    const ratio = { base: 'original', other: id, median, ci: [median - 0.01, median + 0.01] as const }
    return { id, p50Ms, ratio, bytes: 97_508 }
  }
  expect([...frontOf([timed('first', 0.1286, 0.5415), timed('confirmed', 0.1348, 0.5412)], null)]).toEqual([
    'confirmed',
  ])
  // Calibrations of one placement run the same kernels, and have one timing.
  expect([...frontOf([timed('minmax', 0.13, 0.54), timed('mse', 0.13, 0.54)], null)]).toEqual(['minmax', 'mse'])
  expect([...frontOf([{ id: 'not timed', ratio: null, bytes: 1 }], null)]).toEqual([])
})

test('the original that is handed out is on the front, and what is slower and no smaller is beaten by it', () => {
  const timed = (id: string, median: number, bytes: number) => ({
    id,
    ratio: { base: 'original', other: id, median, ci: [median - 0.01, median + 0.01] as const },
    bytes,
  })
  const original = { id: 'original', bytes: 36_149 }
  const lossless = timed('lossless', 1.03, 36_149)
  expect([...frontOf([lossless, timed('int8', 1.2, 13_000)], original)]).toEqual(['original', 'int8'])
  expect([...frontOf([lossless], null)]).toEqual(['lossless'])
})
