import { expect, test } from 'vitest'
import type { ByteTensor } from '../../engine/index.ts'
import { matchInputs } from './infer-request.ts'

const ports = { inputs: [{ name: 'b', dtype: 'bool' as const, shape: [null, 2] }], outputs: [] }
const match = (pieces: readonly Uint8Array[]) => {
  const b: ByteTensor = { name: 'b', dtype: 'bool', dims: [2, 2], pieces }
  return matchInputs({ id: '', parameters: {}, inputs: [b], outputs: null }, ports, 'm')
}

test('a byte that is neither 0 nor 1 is no BOOL, in whichever piece it comes', () => {
  expect(match([Uint8Array.of(0, 1, 1, 0)])).toHaveLength(1)
  expect(() => match([Uint8Array.of(0, 1, 2, 0)])).toThrow("input 'b' holds the byte 2, which is no BOOL; send 0 or 1")
  expect(() => match([Uint8Array.of(0, 1), Uint8Array.of(0, 255)])).toThrow('the byte 255')
})
