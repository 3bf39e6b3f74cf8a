import { expect, test } from 'vitest'
import { betterHalf, rungsFor } from './rungs.ts'

test('a step is there where the one before did not take all rows', () => {
  expect(rungsFor(10)).toEqual([64])
  expect(rungsFor(64)).toEqual([64])
  expect(rungsFor(65)).toEqual([64, 256])
  expect(rungsFor(5000)).toEqual([64, 256, 1024])
  expect(rungsFor(10, 16)).toEqual([16])
  expect(rungsFor(65, 16)).toEqual([16, 64, 256])
  expect(rungsFor(65, 4)).toEqual([4, 16, 64, 256])
  expect(rungsFor(65, 128)).toEqual([64, 256])
})

test('the better half goes on, none that is worse, and always one', () => {
  const half = (ordered: readonly number[], worse: readonly number[] = []) =>
    betterHalf(ordered, (item) => worse.includes(item))
  expect(half([5, 4, 3, 2, 1])).toEqual([5, 4, 3])
  expect(half([5, 4, 3, 1], [5])).toEqual([4, 3])
  expect(half([5, 4, 3, 1], [5, 4, 3])).toEqual([1])
  expect(half([5, 1], [1, 5])).toEqual([5])
  expect(half([7])).toEqual([7])
})
