import { expect, test } from 'vitest'
import { classesAsNumbers } from './classes-as-numbers.ts'

const found = (rows: readonly (readonly [label: number, score: number])[]) => {
  const watch = classesAsNumbers()
  for (const [label, score] of rows) watch.add(label, score)
  return watch.result('p')
}

test('one label beyond 0 and 1 beside scores from 0 to 1 is told, as classes called -1 and 1 are', () => {
  expect(
    found([
      [0, 0.2],
      [1, 0.9],
      [7, 0.4],
    ]),
  ).toEqual({ output: 'p', least: 0, greatest: 7 })
  expect(
    found([
      [-1, 0.2],
      [1, 0.9],
    ]),
  ).toEqual({ output: 'p', least: -1, greatest: 1 })
})

test('numbers are numbers: fractions, scores beyond 0 to 1, one score for all rows', () => {
  expect(
    found([
      [0, 0.2],
      [2.5, 0.9],
    ]),
  ).toBeNull()
  expect(
    found([
      [0, 0.2],
      [7, 6.5],
    ]),
  ).toBeNull()
  expect(
    found([
      [0, 0.5],
      [7, 0.5],
    ]),
  ).toBeNull()
  expect(
    found([
      [0, 0.2],
      [1, 0.9],
    ]),
  ).toBeNull()
  expect(found([])).toBeNull()
})
