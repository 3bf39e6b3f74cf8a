import { expect, test } from 'vitest'
import { ReusedMemory } from './reused-memory.ts'

test('what was given back is used again where it fits, and nothing that is in use', () => {
  const memory = new ReusedMemory()
  const [first, second] = [memory.take(1_000_000), memory.take(1_000_000)]
  expect(first).not.toBe(second)
  expect(first.byteLength).toBeGreaterThanOrEqual(1_000_000)
  memory.give(first)
  expect(memory.take(2_000_000)).not.toBe(first)
  expect(memory.take(100_000)).not.toBe(first)
  expect(memory.take(900_000)).toBe(first)
  expect(memory.take(900_000)).not.toBe(first)
})

test('no more than so much is kept', () => {
  const memory = new ReusedMemory()
  const large = [memory.take(40 << 20), memory.take(40 << 20)]
  for (const one of large) memory.give(one)
  expect(memory.take(40 << 20)).toBe(large[0])
  expect(memory.take(40 << 20)).not.toBe(large[1])
})
