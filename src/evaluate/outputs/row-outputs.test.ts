import { expect, test } from 'vitest'
import { isClassLike } from './class-like.ts'
import { argmax, topAnswer } from './row-outputs.ts'

test('the greatest among some elements, by its place among them; none where one is no number', () => {
  const values = [9, 1, 3, 3, 2, Number.NaN]
  expect([argmax(values), argmax(values, 1, 4), argmax(values, 0, 5), argmax([])]).toEqual([-1, 1, 0, -1])
})

test('scores in bfloat16 are scores', () => {
  const value = { dtype: 'bfloat16', dims: [3], data: Uint16Array.of(0x3f00, 0x3f80, 0x3e80) } as const
  expect(isClassLike('scores', { scores: value })).toBe(true)
  expect(topAnswer(value)).toBe(1)
})
