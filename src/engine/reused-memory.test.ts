import { expect, test } from 'vitest'
import { ReusedMemory } from './reused-memory.ts'

/** Whether it is the very same memory: `toBe` compares bytes when it is not, forty million of them. */
const same = (one: Buffer, other: Buffer) => one === other

test('what was given back is used again where it fits, and nothing that is in use', () => {
  const memory = new ReusedMemory()
  const [first, second] = [memory.take(1_000_000), memory.take(1_000_000)]
  expect(same(first, second)).toBe(false)
  expect(first.byteLength).toBeGreaterThanOrEqual(1_000_000)
  memory.give(first)
  expect(same(memory.take(2_000_000), first)).toBe(false)
  expect(same(memory.take(100_000), first)).toBe(false)
  expect(same(memory.take(900_000), first)).toBe(true)
  expect(same(memory.take(900_000), first)).toBe(false)
})

test('no more than so much is kept', () => {
  const memory = new ReusedMemory()
  const [kept, left] = [memory.take(40 << 20), memory.take(40 << 20)]
  memory.give(kept)
  memory.give(left)
  expect(same(memory.take(40 << 20), kept)).toBe(true)
  expect(same(memory.take(40 << 20), left)).toBe(false)
})
