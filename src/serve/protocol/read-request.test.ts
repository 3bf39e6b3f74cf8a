import { expect, test } from 'vitest'
import { readRequest } from './read-request.ts'

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
