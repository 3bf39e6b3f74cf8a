import { type ByteTensor, readStrings, valueOfBytes, writeStrings } from '../../engine/index.ts'
import { arrayTypeOf, type DType, elementCount, type NumericArray } from '../../ir/index.ts'
import { invalid, ServeError } from '../serve-error.ts'
import { datatypeOf } from './datatype.ts'

/** Least and greatest of the integer types; bigints for those beyond doubles. */
const RANGES: Readonly<Partial<Record<DType, readonly [number | bigint, number | bigint]>>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
  uint32: [0, 2 ** 32 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
}

/** JSON can escape what UTF-8 has no bytes for. */
const HALF_PAIR = /\p{Surrogate}/u

/**
 * The bytes of `data` of a JSON request: nested or flat, row-major.
 *
 * @throws ServeError for a wrong count, a value outside its type, nesting that is not the shape's, and types that JSON
 * has no numbers for.
 */
export function bytesFromJson(data: unknown, dtype: DType, dims: readonly number[], name: string): Uint8Array {
  if (dtype === 'float16' || dtype === 'bfloat16')
    throw invalid(
      `sending ${datatypeOf(dtype)} data via JSON is not supported. Please use the binary data format for input '${name}'`,
    )
  if (!Array.isArray(data)) throw invalid(`Unable to parse 'data' of inference input '${name}': expected an array`)
  const count = elementCount(dims)
  const flat = flatten(data, dims, count, name)
  if (dtype === 'string')
    return writeStrings(
      flat.map((value) => {
        if (typeof value !== 'string') throw invalid(`inference input '${name}' expects strings as data`)
        if (HALF_PAIR.test(value))
          throw invalid(`inference input '${name}' holds half of a surrogate pair, which is no text; send both halves`)
        return value
      }),
    )
  const array = new (arrayTypeOf(dtype))(count)
  const convert = converter(dtype, name)
  for (let i = 0; i < count; i++) array[i] = convert(flat[i]) as never
  return new Uint8Array(array.buffer as ArrayBuffer)
}

function flatten(data: readonly unknown[], dims: readonly number[], count: number, name: string): readonly unknown[] {
  const mismatch = () =>
    invalid(
      `Unable to parse 'data': Shape does not match true shape of 'data' field for input '${name}'; [${dims.join(',')}] takes ${count} elements, flat or nested like that`,
    )
  if (!Array.isArray(data[0])) {
    if (data.length !== count) throw mismatch()
    return data
  }
  const flat: unknown[] = []
  const walk = (value: unknown, axis: number): void => {
    if (axis === dims.length) {
      flat.push(value)
      return
    }
    if (!Array.isArray(value) || value.length !== dims[axis]) throw mismatch()
    for (const inner of value) walk(inner, axis + 1)
  }
  walk(data, 0)
  return flat
}

function converter(dtype: DType, name: string): (value: unknown) => number | bigint {
  const wrong = (value: unknown) =>
    invalid(`inference input '${name}' holds ${shown(value)}, which is no ${datatypeOf(dtype)}`)
  if (dtype === 'bool')
    return (value) => {
      if (value === true || value === 1) return 1
      if (value === false || value === 0) return 0
      throw wrong(value)
    }
  if (dtype === 'float32' || dtype === 'float64') {
    const round = dtype === 'float32' ? Math.fround : (number: number) => number
    return (value) => {
      // Infinity as it is meant comes as a string: a number beyond the type would become one.
      if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value)
      // Long whole numbers are quoted by `parseJson`, or by a client that follows the JSON mapping of protobuf.
      if (typeof value !== 'number' && !(typeof value === 'string' && /^-?\d{16,}$/.test(value))) throw wrong(value)
      const number = Number(value)
      if (!Number.isFinite(round(number)))
        throw invalid(`inference input '${name}' holds ${number}, which is beyond ${datatypeOf(dtype)}`)
      return number
    }
  }
  const [least, greatest] = RANGES[dtype]!
  const wide = typeof least === 'bigint'
  return (value) => {
    const whole =
      (typeof value === 'number' && Number.isInteger(value)) || (typeof value === 'string' && /^-?\d+$/.test(value))
    if (!whole) throw wrong(value)
    const number = wide ? BigInt(value) : Number(value)
    if (number < least || number > greatest) throw wrong(value)
    // Written in whole digits it would have come as a string: this one was rounded on its way.
    if (typeof value === 'number' && !Number.isSafeInteger(value))
      throw invalid(
        `inference input '${name}' holds ${BigInt(value)} or a number near it, with a point or an exponent; write all its digits and neither`,
      )
    return number
  }
}

function shown(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return `a value of type ${Array.isArray(value) ? 'array' : 'object'}`
  // Longer ones may have come as numbers: `parseJson` quotes them.
  if (/^-?\d{16,40}$/.test(value)) return value
  return /^-?\d{1,15}$/.test(value) ? `the text "${value}"` : 'a text'
}

/**
 * A tensor's elements as JSON, flat, in row-major order. What JSON has no numbers for is a string, as in protobuf's
 * mapping: "NaN", "Infinity", "-Infinity". Whole numbers of 64 bits are written out in full.
 */
export function jsonOf(tensor: ByteTensor): string {
  const { dtype, name, pieces } = tensor
  const bytes = pieces[0] ?? new Uint8Array(0)
  if (dtype === 'string') return JSON.stringify(readStrings(bytes, name))
  if (dtype === 'float16' || dtype === 'bfloat16')
    throw new ServeError(
      'invalid',
      `sending ${datatypeOf(dtype)} data via JSON is not supported. Please use the binary data format for output '${name}'`,
    )
  const aligned = bytes.byteOffset % 8 === 0 ? tensor : { ...tensor, pieces: [new Uint8Array(bytes)] }
  const data = valueOfBytes(aligned).data as NumericArray
  if (dtype === 'bool') return `[${Array.from(data as Uint8Array, (value) => (value ? 'true' : 'false')).join(',')}]`
  if (dtype === 'float32' || dtype === 'float64') {
    return floatsText(data as Float32Array | Float64Array, dtype === 'float32' ? shortest : (value) => value)
  }
  return `[${(data as BigInt64Array).join(',')}]`
}

/** Numbers are written many at a time, which takes a quarter of the time that each for itself does. */
function floatsText(data: Float32Array | Float64Array, brief: (value: number) => number): string {
  const texts: string[] = []
  let run: (number | string)[] = []
  const close = () => {
    if (run.length > 0) texts.push(JSON.stringify(run).slice(1, -1))
    run = []
  }
  for (const value of data) {
    if (Object.is(value, -0)) {
      // JSON has a zero with a sign; JavaScript drops it.
      close()
      texts.push('-0')
    } else run.push(Number.isFinite(value) ? brief(value) : String(value))
  }
  close()
  return `[${texts.join(',')}]`
}

/** Powers of ten that a double holds exactly, as far as a product of one and a float32 is exact too. */
const POWERS = Array.from({ length: 13 }, (_, exponent) => 10 ** exponent)

/** Nine significant digits say a float32 exactly (IEEE 754, table 3.2); seven where they do. */
const shortest = (value: number): number => rounded(value, 7) ?? rounded(value, 9) ?? Number(value.toPrecision(9))

/**
 * The number of so many significant digits that reads as this float32; null where there is none. Products and quotients
 * take a tenth of the time of `toPrecision`, and round the same while they are exact.
 */
function rounded(value: number, digits: 7 | 9): number | null {
  const size = Math.abs(value)
  const power = POWERS[digits - 1 - Math.floor(Math.log10(size))]
  const brief =
    power === undefined ? Number(value.toPrecision(digits)) : Math.sign(value) * (Math.round(size * power) / power)
  return Math.fround(brief) === value ? brief : null
}
