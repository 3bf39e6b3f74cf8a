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
