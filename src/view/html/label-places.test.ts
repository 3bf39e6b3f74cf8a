import fc from 'fast-check'
import { expect, test } from 'vitest'
import { labelPlaces } from './label-places.ts'

const point = { x: 200, y: 100, text: 'int8' }

test('a label keeps away from a line where there is another place, and stands on it where there is none', () => {
  const beside = (line: readonly { x: number; y: number }[]) => labelPlaces([point], [point], line, 600)[0]!
  expect(beside([])).toMatchObject({ x: 211, anchor: 'start' })
  // To the right runs the line.
  expect(
    beside([
      { x: 200, y: 100 },
      { x: 500, y: 104 },
    ]),
  ).toMatchObject({ x: 189, anchor: 'end' })
  const everywhere = Array.from({ length: 41 }, (_, i) => ({ x: i % 2 === 0 ? 100 : 300, y: 60 + 2 * i }))
  expect(beside(everywhere)).toMatchObject({ x: 211, anchor: 'start' })
})

test('what is needed has its label before all others, and where every place is taken, on the fewest dots', () => {
  const chosen = { x: 203, y: 100, text: 'chosen', needed: true }
  expect(labelPlaces([point, chosen], [point, chosen], [], 600).map(({ text }) => text)).toContain('chosen')
  // Dots all around it, fewer of them on the left.
  const around = [-30, -18, 0, 18, 30].flatMap((y) => [-40, -25, 0, 25, 40].map((x) => ({ x: 203 + x, y: 100 + y })))
  const crowd = around.filter(({ x, y }) => x >= 200 || (x === 178 && y === 100) || y === 70 || y === 82)
  expect(labelPlaces([{ ...chosen, needed: false }], crowd, [], 600)).toEqual([])
  expect(labelPlaces([chosen], crowd, [], 600)).toMatchObject([{ text: 'chosen', anchor: 'end' }])
})

test('names keep apart as they are drawn on a phone, and marks on one another have one name', () => {
  const random = fc.array(fc.record({ x: fc.integer({ min: 80, max: 500 }), y: fc.integer({ min: 30, max: 330 }) }), {
    minLength: 2,
    maxLength: 12,
  })
  fc.assert(
    fc.property(random, (spots) => {
      const places = labelPlaces(
        spots.map((spot, i) => ({ ...spot, text: `int8-mse${i}` })),
        spots,
        [],
        520,
      )
      // Letters of 16 units reach 12 above their line and 4 below it.
      for (const [i, one] of places.entries())
        for (const other of places.slice(i + 1)) {
          const [a, b] = [one, other].map(({ x, anchor, text }) => {
            const long = text.length * 9
            return x - (anchor === 'start' ? 0 : anchor === 'end' ? long : long / 2)
          })
          const besides = Math.abs(a! - b!) >= 9 * Math.min(one.text.length, other.text.length)
          expect(besides || Math.abs(one.y - other.y) >= 16 + 3).toBe(true)
        }
    }),
  )
  const near = [point, { x: 206, y: 103, text: 'int8-mse' }]
  expect(labelPlaces(near, near, [], 520).map(({ text }) => text)).toEqual(['int8'])
})
