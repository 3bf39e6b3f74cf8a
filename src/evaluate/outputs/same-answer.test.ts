import { expect, test } from 'vitest'
import { sameAnswer } from './same-answer.ts'

const scores = (...numbers: readonly number[]) =>
  ({ dtype: 'float32', dims: [numbers.length], data: Float32Array.from(numbers) }) as const

test('of several labels that may hold at a time, each yes and no is part of the answer', () => {
  expect(sameAnswer(scores(0.9, 0.8, 0.1), scores(0.9, 0.4, 0.1))).toBe(false)
  expect(sameAnswer(scores(0.9, 0.8, 0.1), scores(0.95, 0.7, 0.2))).toBe(true)
  // The greatest as well: it may be one class among many, each by a sigmoid.
  expect(sameAnswer(scores(0.3, 0.2, 0.1), scores(0.2, 0.3, 0.1))).toBe(false)
})

test('of probabilities and of logits only the greatest is', () => {
  expect(sameAnswer(scores(0.55, 0.25, 0.2), scores(0.45, 0.3, 0.25))).toBe(true)
  expect(sameAnswer(scores(3, 0.6, 0.1), scores(3, 0.4, 0.1))).toBe(true)
  expect(sameAnswer(scores(3, 4, 0.1), scores(5, 4, 0.1))).toBe(false)
  expect(sameAnswer(scores(1, 2), scores(1, 2, 0))).toBe(false)
  const named = (value: number) => ({ dtype: 'int64', dims: [], data: BigInt64Array.of(BigInt(value)) }) as const
  expect([sameAnswer(named(2), named(2)), sameAnswer(named(2), named(3))]).toEqual([true, false])
})
