import { expect, test } from 'vitest'
import { nearestName } from './nearest-name.ts'

test('names that share no letter are no slips of one another', () => {
  expect(nearestName('x', ['a', 'b'])).toBeUndefined()
  expect(nearestName('x', ['a', 'X'])).toBe('X')
})

test('words that have half of their letters in common by chance are no slips of one another', () => {
  expect(nearestName('features', ['faults', 'rows'])).toBeUndefined()
  expect(nearestName('comparison', ['compare', 'compile'])).toBe('compare')
  expect(nearestName('benchmark', ['bench', 'batch'])).toBe('bench')
  expect(nearestName('labels', ['latency', 'label'])).toBe('label')
  expect(nearestName('quick', ['quiet'])).toBeUndefined()
})

test.each([
  ['jsn', 'json'],
  ['time-budget', 'time'],
  ['accuracy', 'accuracy-level'],
  ['data-for-all-models-here', 'data-for'],
  ['timely', 'time'],
  ['budget', undefined],
  ['dtaa', 'data'],
  // Half of the letters, and the first of them, are those of another word, as in `--goal fast` beside `cost`.
  ['beta', undefined],
  ['', undefined],
])('%s: %s', (asked, near) => {
  expect(nearestName(asked, ['json', 'time', 'accuracy-level', 'data', 'data-for'])).toBe(near)
})
