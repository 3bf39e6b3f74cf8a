import { expect, test } from 'vitest'
import { type ByteTensor, writeStrings } from '../../engine/index.ts'
import { checkedDims, matchInputs } from './infer-request.ts'

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

test('as many texts as the shape says, none of them cut short', () => {
  const texts = { inputs: [{ name: 's', dtype: 'string' as const, shape: ['n'] }], outputs: [] }
  const send = (count: number, ...pieces: readonly Uint8Array[]) =>
    matchInputs(
      { id: '', parameters: {}, inputs: [{ name: 's', dtype: 'string', dims: [count], pieces }], outputs: null },
      texts,
      'm',
    )
  const two = writeStrings(['a', ''])
  expect(send(2, two)).toHaveLength(1)
  expect(send(0)).toHaveLength(1)
  expect(() => send(3, two)).toThrow("expected 3 string elements for inference input 's' for model 'm', got 2")
  expect(() => send(1)).toThrow(/expected 1 string elements .* got 0/)
  expect(() => send(2, two.subarray(0, -1))).toThrow("incomplete string data for inference input 's' for model 'm'")
})

test('inputs stand in the order of the model, each once, and of its bytes none is missing or too many', () => {
  const two = {
    inputs: [
      { name: 'a', dtype: 'int16' as const, shape: ['n'] },
      { name: 'b', dtype: 'int16' as const, shape: ['n', 2] },
    ],
    outputs: [{ name: 'y', dtype: 'int16' as const, shape: null }],
  }
  const a: ByteTensor = { name: 'a', dtype: 'int16', dims: [1], pieces: [new Uint8Array(2)] }
  const b: ByteTensor = { name: 'b', dtype: 'int16', dims: [1, 2], pieces: [new Uint8Array(3), new Uint8Array(1)] }
  const send = (inputs: readonly ByteTensor[], ...outputs: readonly string[]) =>
    matchInputs(
      { id: '', parameters: {}, inputs, outputs: outputs.map((name) => ({ name, binary: false, classes: 0 })) },
      two,
      'm',
    )
  expect(send([b, a], 'y').map(({ name }) => name)).toEqual(['a', 'b'])
  expect(() => send([a, a])).toThrow("input 'a' already exists in request for model 'm'")
  expect(() => send([a, b, { ...a, name: 'c' }])).toThrow("unexpected inference input 'c'")
  expect(() => send([a])).toThrow(
    /expected 2 inputs but got 1 .*Got input\(s\) \['a'\].*missing required input\(s\) \['b'\]/,
  )
  expect(() => send([{ ...a, dtype: 'uint16' }, b])).toThrow("'a' data-type is 'UINT16', but model 'm' expects 'INT16'")
  expect(() => send([a, { ...b, dims: [2, 1] }])).toThrow(/shape for input 'b' .* Expected \[-1,2\], got \[2,1\]/)
  expect(() => send([a, { ...b, dims: [2, 2] }])).toThrow('Expected 8, got 4')
  expect(() => send([a, b], 'z')).toThrow("unexpected inference output 'z'")
  expect(() => send([a, b], 'y', 'y')).toThrow("output 'y' is requested more than once")
})

test('dimensions are whole numbers from 0, at most 64 of them, of which nobody could send more', () => {
  expect(checkedDims([0, 2 ** 40], 'x')).toEqual([0, 2 ** 40])
  expect(checkedDims(Array(64).fill(1), 'x')).toHaveLength(64)
  for (const dims of [Array(65).fill(1), '3', undefined]) expect(() => checkedDims(dims, 'x')).toThrow(/at most 64/)
  for (const dims of [[-1], [1.5], ['1'], [null]]) expect(() => checkedDims(dims, 'x')).toThrow(/whole numbers from 0/)
  for (const dims of [[2 ** 40 + 1], [2 ** 21, 2 ** 20], [2 ** 21, 0, 2 ** 20]])
    expect(() => checkedDims(dims, 'x')).toThrow(/largest supported size/)
})
