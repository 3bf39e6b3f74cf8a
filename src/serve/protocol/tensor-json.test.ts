import { expect, test } from 'vitest'
import type { DType } from '../../ir/index.ts'
import { parseJson } from './json-text.ts'
import { bytesFromJson, jsonOf } from './tensor-json.ts'

const read = (dtype: DType, text: string) => bytesFromJson(parseJson(Buffer.from(`[${text}]`)), dtype, [1], 'x')

test.each<[DType, string, RegExp]>([
  ['float32', '1e39', /x' holds 1e\+39, which is beyond FP32/],
  ['float32', '-3.4028236e38', /beyond FP32/],
  ['float32', `1${'0'.repeat(39)}`, /beyond FP32/],
  ['float64', '1e400', /beyond FP64/],
  ['int64', '9007199254740993.0', /x' holds 9007199254740992 or a number near it, .*write all its digits/],
  ['int64', '-9.007199254740993e15', /write all its digits/],
  ['uint64', '1e16', /write all its digits/],
  ['int64', '9223372036854775808', /x' holds 9223372036854775808, which is no INT64/],
  ['int64', '1e400', /which is no INT64/],
  ['float32', '"4"', /x' holds the text "4", which is no FP32/],
])('%s %s is refused: the model would get another number', (dtype, text, message) =>
  expect(() => read(dtype, text)).toThrow(message),
)

test.each<[DType, string, ArrayBufferView]>([
  ['float32', '3.4028235e38', Float32Array.of(3.4028234663852886e38)],
  ['float32', '1e-60', Float32Array.of(0)],
  ['float32', '-Infinity', Float32Array.of(-Infinity)],
  ['float32', '"Infinity"', Float32Array.of(Infinity)],
  ['float64', '1e308', Float64Array.of(1e308)],
  ['int64', '9007199254740993', BigInt64Array.of(9007199254740993n)],
  ['int64', '"9007199254740993"', BigInt64Array.of(9007199254740993n)],
  ['int64', '9007199254740991.0', BigInt64Array.of(9007199254740991n)],
  ['int64', '1e3', BigInt64Array.of(1000n)],
])('%s %s', (dtype, text, { buffer }) => expect(read(dtype, text)).toEqual(new Uint8Array(buffer as ArrayBuffer)))

test.each<DType>(['float32', 'float64'])('%s: a zero keeps its sign', (dtype) => {
  const bytes = read(dtype, '-0.0')
  expect(jsonOf({ name: 'x', dtype, dims: [1], pieces: [bytes] })).toBe('[-0]')
})

const data = (dtype: DType, value: unknown, dims: readonly number[] = [2, 3]) => bytesFromJson(value, dtype, dims, 'x')

test('data is flat, or nested like the shape', () => {
  const six = new Uint8Array(Int32Array.of(1, 2, 3, 4, 5, 6).buffer)
  expect(data('int32', [1, 2, 3, 4, 5, 6])).toEqual(six)
  expect(data('int32', JSON.parse('[[1,2,3],[4,5,6]]'))).toEqual(six)
  for (const wrong of ['[1,2,3,4,5]', '[[1,2],[3,4],[5,6]]', '[[1,2,3]]', '[[1,2,3],[4,5]]', '[[1,2,3],4]'])
    expect(() => data('int32', JSON.parse(wrong))).toThrow(/true shape .* \[2,3\] takes 6 elements/)
  expect(() => data('int32', 7)).toThrow(/input 'x': expected an array/)
})

test.each<[DType, unknown, RegExp]>([
  ['string', 5, /expects strings as data/],
  ['float16', 1, /FP16 data via JSON is not supported/],
  ['bfloat16', 1, /BF16 data via JSON is not supported/],
  ['float32', [1], /holds a value of type array, which is no FP32/],
  ['float32', { a: 1 }, /holds a value of type object/],
  ['float32', null, /holds null/],
  ['float32', 'one', /holds a text, which/],
  ['bool', 2, /holds 2, which is no BOOL/],
  ['int8', 128, /holds 128, which is no INT8/],
  ['int8', -129, /holds -129, which is no INT8/],
  ['uint32', -1, /holds -1, which is no UINT32/],
  ['int32', 1.5, /holds 1.5, which is no INT32/],
])('%s: %j is refused', (dtype, value, message) => {
  expect(() => data(dtype, [value], [1])).toThrow(message)
})

test('the greatest and the least whole numbers are taken; truth values are, also as 0 and 1', () => {
  expect(data('int8', [-128, 127], [2])).toEqual(new Uint8Array(Int8Array.of(-128, 127).buffer))
  expect(data('uint32', [0, 2 ** 32 - 1], [2])).toEqual(new Uint8Array(Uint32Array.of(0, 2 ** 32 - 1).buffer))
  expect(data('bool', [true, false, 1, 0], [4])).toEqual(Uint8Array.of(1, 0, 1, 0))
})

test('a float32 is written with the fewest digits that read as the same number', () => {
  const values = Float32Array.of(0.1, 16777217, 1.17549435e-38, 3.4028235e38, 1e-45, 123456.789, -0.33333334)
  const pieces = [new Uint8Array(values.buffer)]
  const text = jsonOf({ name: 'y', dtype: 'float32', dims: [values.length], pieces })
  expect(new Float32Array(JSON.parse(text))).toEqual(values)
  expect(text).toMatch(/^\[0\.1,16777216,/)
  for (const number of text.slice(1, -1).split(','))
    expect(number.replace(/e.*|\./g, '').replace(/^-?0*|0*$/g, '').length).toBeLessThanOrEqual(9)
})

test('tensors from an odd place of a buffer are read as others', () => {
  const bytes = new Uint8Array(17)
  bytes.set(new Uint8Array(Float64Array.of(1.5, -2).buffer), 1)
  expect(jsonOf({ name: 'y', dtype: 'float64', dims: [2], pieces: [bytes.subarray(1)] })).toBe('[1.5,-2]')
  expect(jsonOf({ name: 'y', dtype: 'float64', dims: [0], pieces: [] })).toBe('[]')
  expect(() => jsonOf({ name: 'y', dtype: 'float16', dims: [0], pieces: [] })).toThrow(
    /FP16 data via JSON .* output 'y'/,
  )
})

test('numbers keep their order around a zero with a sign, and a float64 all its digits', () => {
  const pieces = [new Uint8Array(Float64Array.of(0.1234567890123456, -0, 2, -0).buffer)]
  expect(jsonOf({ name: 'y', dtype: 'float64', dims: [4], pieces })).toBe('[0.1234567890123456,-0,2,-0]')
})
