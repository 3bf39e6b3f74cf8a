import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSymbols } from './symbols.ts'

test('equal expressions have equal texts', () => {
  const s = createSymbols(new Map())
  expect(s.add('N', 'N')).toBe('2*N')
  expect(s.multiply(s.add('N', 1), s.add('N', -1))).toBe('N*N-1')
  expect(s.subtract(s.add('past', 'seq'), 'past')).toBe('seq')
  expect(s.read('past + 1')).toBe('past+1')
  expect(s.divide(s.multiply(6, s.multiply('H', 'W')), s.multiply(2, 'W'))).toBe('3*H')
  expect(s.divideExactly(s.add('H', 1), 2)).toBe(null)
  expect(s.read('a b')).toBe('a b')
  expect(createSymbols(new Map([['N', 4]])).read('2*N+1')).toBe(9)
})

test('quotients of quotients fold, so strided layers keep short names', () => {
  const s = createSymbols(new Map())
  const half = (dim: string) => String(s.divideUp(dim, 2))
  expect(half('H')).toBe('floor((H+1)/2)')
  expect(half(half('H'))).toBe('floor((H+3)/4)')
  expect(half(half(half('H')))).toBe('floor((H+7)/8)')
})

test('minimum and maximum are decided where the difference has one sign', () => {
  const s = createSymbols(new Map())
  expect(s.minimum('N', s.add('N', 3))).toBe('N')
  expect(s.maximum(s.multiply(2, 'N'), 'N')).toBe('2*N')
  expect(s.minimum('N', 5)).toBe('min(5,N)')
})

test('symbolic arithmetic agrees with arithmetic on any binding', () => {
  const term = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom('N', 'M'))
  const step = fc.tuple(
    fc.constantFrom('add', 'subtract', 'multiply', 'divide', 'divideUp', 'minimum', 'maximum'),
    term,
  )
  fc.assert(
    fc.property(term, fc.array(step, { maxLength: 5 }), fc.nat(7), fc.nat(7), (start, steps, n, m) => {
      const symbols = createSymbols(new Map())
      const numbers = createSymbols(
        new Map([
          ['N', n],
          ['M', m],
        ]),
      )
      let symbolic: number | string | null = symbols.read(start)
      let value = numbers.read(start)
      for (const [name, operand] of steps) {
        const op = name as 'add'
        const positive = name.startsWith('divide') ? Math.abs(Number(operand)) || 3 : operand
        symbolic = symbols[op](symbolic, symbols.read(positive))
        value = numbers[op](value, numbers.read(positive))
      }
      if (symbolic !== null) expect(evaluated(symbolic, n, m)).toBe(value)
    }),
  )
})

/** Evaluates a canonical text as the arithmetic that it reads as. */
function evaluated(dim: number | string, n: number, m: number): number {
  return Number(
    new Function('N', 'M', 'floor', 'min', 'max', `return ${dim} + 0`)(n, m, Math.floor, Math.min, Math.max),
  )
}
