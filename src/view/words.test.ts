import { expect, test } from 'vitest'
import { sizeChange } from './words.ts'

test('a change of size has a sign only where something is left of it when rounded', () => {
  expect([0.38, -0.04, 0.001, -0.001, 0].map(sizeChange)).toEqual(['−38 %', '+4 %', '0 %', '0 %', '0 %'])
})
