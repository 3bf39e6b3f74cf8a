import { expect, test } from 'vitest'
import { npyElements } from './npy-format.ts'

const BOOL = { dtype: 'bool', itemBytes: 1, bigEndian: false, swapBytes: 1 } as const

test('whatever is not zero is true, as in numpy, and the bytes in the file stay', () => {
  const file = Uint8Array.of(0, 1, 2, 255)
  expect([...npyElements(file, BOOL)]).toEqual([0, 1, 1, 1])
  expect([...file]).toEqual([0, 1, 2, 255])
})
