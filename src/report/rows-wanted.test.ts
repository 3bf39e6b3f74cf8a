import { expect, test } from 'vitest'
import { forSuchAMargin, rowsWanted } from './rows-wanted.ts'

const rate = { metric: 'top1', higherIsBetter: true, base: { value: 0.9 } }
const agreement = (changed: number) => ({ changed, rate: 0.9, changedUpperBound: 0.1 })

test('what would settle a comparison says what kind of rows, where more of the same would not do', () => {
  expect(rowsWanted({ ...rate, requiredN: null, n: 5, labelled: true, agreement: null })).toBeNull()
  expect(rowsWanted({ ...rate, requiredN: 1268, n: 40, labelled: true, agreement: agreement(3) })).toBe('1,268 rows')
  expect(rowsWanted({ ...rate, requiredN: 268, n: 300, labelled: true, agreement: agreement(0) })).toBe(
    '268 different rows',
  )
  expect(rowsWanted({ ...rate, requiredN: 268, n: 40, labelled: false, agreement: agreement(0) })).toBe('268 rows')
  expect(rowsWanted({ ...rate, requiredN: 268, n: 300, labelled: false, agreement: agreement(1) })).toBe(
    '268 rows with their right answers',
  )
})

test('a margin that is hardly anything of an error is said with the rows, and what would be one', () => {
  const error = { metric: 'mae', higherIsBetter: false, base: { value: 107.4 }, labelled: true }
  const asked = { ...error, requiredN: 30_083_513, n: 100, agreement: null }
  expect(rowsWanted({ ...asked, margin: 0.01 })).toBe(
    '30,083,513 rows (for a margin of 0.0093 % of this mae: name what you would accept, such as --margin 1.1 for 1 %)',
  )
  expect(rowsWanted({ ...asked, margin: 1.1 })).toBe('30,083,513 rows')
  expect(forSuchAMargin({ ...error, margin: 0.01, labelled: false })).toBe('')
  expect(forSuchAMargin({ ...error, margin: 0.01, higherIsBetter: true })).toBe('')
  expect(forSuchAMargin({ ...error, margin: 0.01, base: { value: null } })).toBe('')
})
