import { markAsUntransferable } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { giveBack } from './give-back.ts'

test('memory that is given back is gone, and what shares its memory with others stays', () => {
  const own = Buffer.allocUnsafeSlow(1 << 16)
  const part = Buffer.allocUnsafeSlow(1 << 16).subarray(0, 100)
  giveBack([own, part, own])
  expect([own.byteLength, part.byteLength]).toEqual([0, 100])
  giveBack([])
  const kept = Buffer.allocUnsafeSlow(100)
  markAsUntransferable(kept.buffer)
  giveBack([kept])
  expect(kept.byteLength).toBe(100)
})
