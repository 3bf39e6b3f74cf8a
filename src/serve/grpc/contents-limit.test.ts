import { expect, test } from 'vitest'
import { checkContents } from './contents-limit.ts'
import { encode } from './messages.ts'

const request = (contents: object, raw: readonly Uint8Array[] = []) =>
  encode('ModelInferRequest', {
    modelName: 'm',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1n], contents }],
    rawInputContents: raw,
  })

test('a million numbers are read, and tensors as bytes of any size', () => {
  expect(() => checkContents(request({ fp32Contents: Array(1 << 20).fill(0.5) }))).not.toThrow()
  expect(() => checkContents(request({ int64Contents: Array(1 << 20).fill(-1n) }))).not.toThrow()
  expect(() => checkContents(request({ bytesContents: [new Uint8Array(1 << 26)] }))).not.toThrow()
  expect(() => checkContents(request({}, [new Uint8Array(1 << 26)]))).not.toThrow()
})

test('values that would take many times the memory of their bytes are refused', () => {
  const empty = new Uint8Array(0)
  // Two bytes each, and an object of its own when read.
  expect(() => checkContents(request({ bytesContents: Array((1 << 20) + 1).fill(empty) }))).toThrow(
    'raw_input_contents',
  )
  const inputs = Buffer.alloc(2 * ((1 << 20) + 1), Uint8Array.of((5 << 3) | 2, 0))
  expect(() => checkContents(inputs)).toThrow('raw_input_contents')
})

test('bytes that are no message end, and are left to whoever reads them', () => {
  for (const bytes of [[0xff], [0x2a, 0xff, 0xff, 0xff, 0x7f], [0x07], [0x2a, 0x02, 0x2a]])
    expect(() => checkContents(Uint8Array.from(bytes))).not.toThrow()
})
