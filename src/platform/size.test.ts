import { expect, test } from 'vitest'
import { sizeOf } from './size.ts'

test.each([
  ['5MB', 5_000_000],
  ['200MiB', 209_715_200],
  ['64k', 64_000],
  ['64 KiB', 65_536],
  ['1.5GB', 1_500_000_000],
  ['2g', 2_000_000_000],
  ['7b', 7],
  ['0.5', 0],
  ['5000000', 5_000_000],
  ['1e7', 10_000_000],
  ['', null],
  ['MB', null],
  ['5 parsecs', null],
  ['-5MB', null],
  ['5,5MB', null],
  ['5MB more', null],
  ['1e999', null],
  ['constructor', null],
  ['5constructor', null],
])('%j', (text, bytes) => {
  expect(sizeOf(text)).toBe(bytes)
})

test('a number alone counts in the unit that the caller names, a size with a unit does not', () => {
  expect([sizeOf('2', 2 ** 20), sizeOf('0.5', 2 ** 20), sizeOf('2kB', 2 ** 20)]).toEqual([2_097_152, 524_288, 2000])
})
