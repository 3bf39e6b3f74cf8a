import { expect, test } from 'vitest'
import { type NameSupply, tensorOf, toFloat32 } from '../../../ir/index.ts'
import type { Refusal } from '../../../report/index.ts'
import { halved } from './float16-constant.ts'

function half(values: readonly number[]) {
  const refused: Refusal[] = []
  const state = { names: null as never as NameSupply, kept: () => false, refused, vanished: 0, applied: 0 }
  const tensor = halved(tensorOf('float32', [values.length], values, 'w'), 'y', state)
  return { values: tensor && [...toFloat32(tensor)], vanished: state.vanished, reason: refused[0]?.reason }
}

test('a constant stays in float32 where float16 has no such number, or keeps little of what is near to 0', () => {
  expect(half([1, 1e6])).toEqual({
    values: null,
    vanished: 0,
    reason: 'its constant w holds 1000000, beyond what float16 can',
  })
  expect(half([1e-7, 2e-7]).reason).toMatch(/so near to 0/)
  expect(half([1, 2 ** -26])).toEqual({ values: [1, 0], vanished: 1, reason: undefined })
})

test('NaN and the infinities stay what they are, and say nothing of the numbers beside them', () => {
  expect(half([Number.NaN, 1, 2 ** -15, -Infinity])).toEqual({
    values: [Number.NaN, 1, 2 ** -15, -Infinity],
    vanished: 0,
    reason: undefined,
  })
  expect(half([Infinity, 1e-7]).reason).toMatch(/so near to 0/)
})
