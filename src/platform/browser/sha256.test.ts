import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { sha256 } from './sha256.ts'

test('the digest is that of Node, at every length around a block and in any pieces', () => {
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 255)
    const expected = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    expect([length, sha256(bytes)]).toEqual([length, expected])
    const middle = length >> 1
    expect(sha256([bytes.subarray(0, middle), bytes.subarray(middle)])).toBe(expected)
  }
  expect(sha256('ß€')).toBe(`sha256:${createHash('sha256').update('ß€').digest('hex')}`)
})
