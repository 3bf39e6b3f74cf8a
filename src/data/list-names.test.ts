import { expect, test } from 'vitest'
import { listNames } from './list-names.ts'

test('of many names the last is told, too: a label stands there', () => {
  const names = Array.from({ length: 15 }, (_, i) => `x${i}`)
  expect(listNames(names.slice(0, 2))).toBe('"x0", "x1"')
  expect(listNames(names)).toMatch(/^"x0", .*, "x11" and 3 more, the last "x14"$/)
})
