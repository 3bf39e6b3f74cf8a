import { expect, test } from 'vitest'
import { agree, steadyCosts } from './steady-costs.ts'

const unit = (name: string, floatMs: number, integerMs: number) => ({ name, floatMs, integerMs })

test('two looks that agree are steady, one look or two that differ are not', () => {
  expect(agree([1, 1.1, 5])).toBe(true)
  expect(agree([1])).toBe(false)
  expect(agree([1, 1.5, 1.6])).toBe(false)
  expect(agree([0, 0])).toBe(true)
})

test('what a disturbed turn alone showed is not kept, and what is kept is the least', () => {
  const turns = [
    [unit('calm', 1, 0.5), unit('disturbed', 2, 0.5)],
    [unit('calm', 1.1, 0.52), unit('disturbed', 2, 0.9)],
    [unit('calm', 4, 0.51), unit('disturbed', 2, 0.7)],
  ]
  expect(steadyCosts(turns, [])).toEqual([unit('calm', 1, 0.5)])
})

test('of a moment in which known units take longer, nothing is kept', () => {
  const turns = [1, 2].map(() => [unit('new', 1, 1), unit('old', 3, 3)])
  expect(steadyCosts(turns, [unit('old', 2, 2)])).toEqual([])
  expect(steadyCosts(turns, [unit('old', 3, 2.9)])).toHaveLength(2)
})
