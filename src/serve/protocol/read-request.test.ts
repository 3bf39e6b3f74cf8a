import { describe, expect, test } from 'vitest'
import type { PortValue } from '../../engine/index.ts'
import { rawRequest, readRequest } from './read-request.ts'

/** A binary request for x, FP32 of two elements. */
function request(values: readonly number[], change: object = {}, input: object = {}) {
  const json = Buffer.from(
    JSON.stringify({
      ...change,
      inputs: [{ name: 'x', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 }, ...input }],
    }),
  )
  return { body: [Buffer.concat([json, Buffer.from(Float32Array.from(values).buffer)])], length: json.byteLength }
}

const read = ({ body, length }: ReturnType<typeof request>) => readRequest(body, length)
const values = ({ inputs }: ReturnType<typeof read>) => [
  ...new Float32Array(new Uint8Array(Buffer.concat(inputs[0]!.pieces)).buffer),
]

test('requests with the same JSON have each its own tensors', () => {
  const first = read(request([1, 2]))
  const second = read(request([3, 4]))
  expect([values(first), values(second)]).toEqual([
    [1, 2],
    [3, 4],
  ])
  expect(second.outputs).toBe(first.outputs)
  // Read once, and only where the client gives no id.
  expect(second.inputs[0]!.dims).toBe(first.inputs[0]!.dims)
  const [one, other] = ['a', 'b'].map((id) => read(request([1, 2], { id })))
  expect([one!.id, other!.id]).toEqual(['a', 'b'])
  expect(read(request([1, 2], { id: 'a' })).inputs[0]!.dims).not.toBe(one!.inputs[0]!.dims)
})

test('a wish for bytes that is no yes or no is refused, not taken for a no', () => {
  expect(() => read(request([1, 2], { parameters: { binary_data_output: 'true' } }))).toThrow(
    "'binary_data_output' must be true or false",
  )
  expect(
    read(request([1, 2], { parameters: { binary_data_output: false }, outputs: [{ name: 'y' }] })).outputs,
  ).toEqual([{ name: 'y', binary: false, classes: 0 }])
})

test('what is wrong is said every time, also of a head that was right before', () => {
  const good = request([1, 2])
  read(good)
  for (let turn = 0; turn < 2; turn++) {
    expect(() => readRequest([good.body[0]!.subarray(0, -1)], good.length)).toThrow('unexpected end of binary data')
    expect(() => readRequest([good.body[0]!, Buffer.alloc(1)], good.length)).toThrow('additional input data')
    expect(() => read(request([1, 2], {}, { datatype: 'FP31' }))).toThrow('unknown datatype')
    expect(() => readRequest(good.body, null)).toThrow()
  }
})

test('the table of remembered heads is bounded: the oldest goes', () => {
  const first = read(request([1, 2], { parameters: { n: -1 } }))
  for (let n = 0; n < 300; n++) read(request([1, 2], { parameters: { n } }))
  const again = read(request([1, 2], { parameters: { n: -1 } }))
  expect(again.inputs[0]!.dims).not.toBe(first.inputs[0]!.dims)
  expect(again.parameters).toEqual({ n: -1 })
})

describe('a body of bytes alone', () => {
  const port = (shape: PortValue['shape'], dtype: PortValue['dtype'] = 'float32'): PortValue => ({
    name: 'x',
    dtype,
    shape,
  })
  const dims = (shape: PortValue['shape'], bytes: number, dtype?: PortValue['dtype']) =>
    rawRequest([new Uint8Array(bytes)], [port(shape, dtype)], 'm').inputs[0]!.dims

  test('fills the one dimension that is open, whatever the network cut it into', () => {
    expect(dims(['n', 4], 32)).toEqual([2, 4])
    expect(dims([3, 'n', 2], 48, 'int64')).toEqual([3, 1, 2])
    expect(dims([2, 2], 5)).toEqual([2, 2])
    expect(dims([1], 9, 'string')).toEqual([1])
    const pieces = [3, 5, 8].map((size) => new Uint8Array(size).fill(size))
    const request = rawRequest(pieces, [port(['n', 2])], 'm')
    expect(request).toMatchObject({ id: '', outputs: null, parameters: { binary_data_output: true } })
    expect(request.inputs[0]).toMatchObject({ dims: [2, 2], pieces })
    // Texts are read from one piece.
    expect(rawRequest(pieces, [port([1], 'string')], 'm').inputs[0]!.pieces).toEqual([Buffer.concat(pieces)])
  })

  test.each<[string, readonly PortValue[], RegExp]>([
    ['two inputs', [port([4]), port([4])], /models with one input, model 'm' has 2/],
    ['no input', [], /models with one input, model 'm' has 0/],
    ['two open dimensions', [port(['n', 'm'])], /at most one dynamic dimension/],
    ['no known rank', [port(null)], /at most one dynamic dimension/],
    ['texts without a count', [port(['n'], 'string')], /at most one dynamic dimension/],
    ['bytes that do not divide', [port(['n', 3])], /byte size mismatch for input 'x' for model 'm'/],
  ])('%s are refused', (_, inputs, message) => {
    expect(() => rawRequest([new Uint8Array(16)], inputs, 'm')).toThrow(message)
  })
})

describe('JSON that is no request', () => {
  const data = { parameters: undefined, data: [1, 2] }
  const json =
    (change: object, input: object = data) =>
    () => {
      const { body, length } = request([], change, input)
      return readRequest(body, length)
    }
  test.each<[string, object, object, RegExp]>([
    ['a name that is none', {}, { ...data, name: 5 }, /string as 'name'/],
    ['no data', {}, { parameters: undefined }, /'x' has no data/],
    ['data twice', {}, { data: [1, 2] }, /must not specify both/],
    ['an id that is a number', { id: 5 }, data, /'id': expected a string/],
    ['an id of 257 characters', { id: 'x'.repeat(257) }, data, /'id': longer than 256/],
    ['outputs that are no list', { outputs: 'y' }, data, /'outputs': expected an array/],
    ['an output without a name', { outputs: [{}] }, data, /'outputs': expected a string as 'name'/],
    ['classes below none', { outputs: [{ name: 'y', parameters: { classification: -1 } }] }, data, /whole number/],
    ['half a class', { outputs: [{ name: 'y', parameters: { classification: 1.5 } }] }, data, /whole number/],
    ['classes in words', { outputs: [{ name: 'y', parameters: { classification: '3' } }] }, data, /whole number/],
    ['bytes perhaps', { outputs: [{ name: 'y', parameters: { binary_data: 'yes' } }] }, data, /true or false/],
    ['a parameter that is a list', { parameters: { a: [] } }, data, /'a' must be a string, a number or a boolean/],
    ['a parameter that is nothing', {}, { ...data, parameters: { a: null } }, /of input 'x': 'a' must be/],
  ])('%s', (_, change, input, message) => expect(json(change, input)).toThrow(message))

  test('what may be left out, and what is just allowed', () => {
    expect(json({ id: null, outputs: [], parameters: null })()).toMatchObject({ id: '', outputs: null, parameters: {} })
    expect(json({ id: 'x'.repeat(256), outputs: null })().id).toHaveLength(256)
    expect(json({ parameters: { s: 'a', n: 1, b: true } })().parameters).toEqual({ s: 'a', n: 1, b: true })
    const classes = { outputs: [{ name: 'y', parameters: { classification: 0, binary_data: true } }] }
    expect(json(classes)().outputs).toEqual([{ name: 'y', binary: true, classes: 0 }])
  })
})
