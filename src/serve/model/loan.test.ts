import { expect, test } from 'vitest'
import { Loan } from './loan.ts'

test('memory is given back once, when the last has let it go', () => {
  let given = 0
  const loan = new Loan(() => given++)
  const [one, two] = [loan.hold(), loan.hold()]
  one()
  one()
  expect(given).toBe(0)
  two()
  expect(given).toBe(1)
  new Loan(undefined).hold()()
})
