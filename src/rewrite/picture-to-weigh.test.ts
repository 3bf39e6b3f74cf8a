import { expect, test } from 'vitest'
import { pictureToWeigh } from './picture-to-weigh.ts'

test.each([
  ['known', [1, 3, 20, 30], [20, 30]],
  ['of one size known', [1, 3, 20, 'w'], [20, 64]],
  ['of unknown size', ['n', 'c', null, 'w'], [64, 64]],
] as const)('a picture %s', (_, shape, size) => {
  expect(pictureToWeigh({ kind: 'tensor', dtype: 'float32', shape })).toEqual(size)
})

test('a value of unknown rank', () => {
  expect(pictureToWeigh(undefined)).toEqual([64, 64])
})
