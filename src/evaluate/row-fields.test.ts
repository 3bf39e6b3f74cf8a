import { expect, test } from 'vitest'
import { fieldsOfRows } from './row-fields.ts'

test('whole numbers beyond 2^53 stay apart', () => {
  const data = BigInt64Array.of(7n, 9_007_199_254_740_993n, 9_007_199_254_740_992n)
  const rows = { indices: [0, 1, 2], columns: { id: { dims: [3], data } } }
  expect(fieldsOfRows(rows as never).map(({ id }) => id)).toEqual([7, '9007199254740993', '9007199254740992'])
})
