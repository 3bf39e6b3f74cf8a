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
