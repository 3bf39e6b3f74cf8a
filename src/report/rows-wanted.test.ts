import { expect, test } from 'vitest'
import { rowsWanted } from './rows-wanted.ts'

const agreement = (changed: number) => ({ changed, rate: 0.9, changedUpperBound: 0.1 })

test('what would settle a comparison says what kind of rows, where more of the same would not do', () => {
  expect(rowsWanted({ requiredN: null, n: 5, labelled: true, agreement: null })).toBeNull()
  expect(rowsWanted({ requiredN: 1268, n: 40, labelled: true, agreement: agreement(3) })).toBe('1,268 rows')
  expect(rowsWanted({ requiredN: 268, n: 300, labelled: true, agreement: agreement(0) })).toBe('268 different rows')
  expect(rowsWanted({ requiredN: 268, n: 40, labelled: false, agreement: agreement(0) })).toBe('268 rows')
  expect(rowsWanted({ requiredN: 268, n: 300, labelled: false, agreement: agreement(1) })).toBe(
    '268 rows with their right answers',
  )
})
