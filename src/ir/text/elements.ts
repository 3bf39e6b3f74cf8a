import { byteLengthOf, DTYPES, type DType, isFloating } from '../dtype.ts'
import { encodeNumbers } from '../numbers.ts'
import { arrayTypeOf, elementCount, inMemory, type Tensor, type TensorData, tensorValues } from '../tensor.ts'
import { quoted } from './names.ts'
import type { Literal } from './scanner.ts'

const SIGNED_PACKED: ReadonlySet<DType> = new Set(['int4', 'int2'])
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** How many literals a tensor has between its braces: two for each complex number. */
export function literalCount(dtype: DType, dims: readonly number[]): number {
  return elementCount(dims) * (dtype.startsWith('complex') ? 2 : 1)
}

/**
 * The elements as literals, exactly. float32 and float64 in the shortest form that reads back to the same bits;
 * float16, bfloat16 and the 8-bit and 4-bit floating types as the integer of their bits, as ONNX's own printer does.
 */
export function* printedElements(tensor: Tensor): Generator<string> {
  const { dtype, data } = tensor
  if (data.form === 'strings') {
    for (const value of data.values) yield printedBytes(value)
    return
  }
  const bits = DTYPES[dtype].bits
  if (bits > 0 && bits < 8) return yield* printedPacked(tensor, bits)
  const values = tensorValues(tensor)
  if (values instanceof Float32Array) {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
    for (let i = 0; i < values.length; i++) yield printedFloat32(values[i]!, words[i]!)
  } else if (values instanceof Float64Array) {
    const words = new BigUint64Array(values.buffer, values.byteOffset, values.length)
    for (let i = 0; i < values.length; i++) yield printedFloat64(values[i]!, words[i]!)
  } else for (const value of values) yield String(value)
}

function* printedPacked(tensor: Tensor, bits: number): Generator<string> {
  const bytes = tensorValues(tensor)
  const signed = SIGNED_PACKED.has(tensor.dtype)
  const perByte = 8 / bits
  for (let i = 0, count = elementCount(tensor.dims); i < count; i++) {
    const raw = (Number(bytes[Math.floor(i / perByte)]) >> ((i % perByte) * bits)) & ((1 << bits) - 1)
    yield String(signed && raw >= 1 << (bits - 1) ? raw - (1 << bits) : raw)
  }
}

/** Text in quotes where the bytes are UTF-8, else `hex"…"`. */
function printedBytes(bytes: Uint8Array): string {
  try {
    return quoted(utf8.decode(bytes))
  } catch {
    return printedHex(bytes)
  }
}

export const printedHex = (bytes: Uint8Array): string =>
  `hex"${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}"`

/** The shortest decimal that rounds to this float32; a NaN with other bits than the usual ones shows them. */
export function printedFloat32(value: number, word = 0x7fc00000): string {
  if (Number.isNaN(value)) return word === 0x7fc00000 ? 'nan' : `nan(0x${word.toString(16)})`
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0'
  if (Math.fround(value) !== value || (Number.isInteger(value) && Math.abs(value) < 1e7)) return String(value)
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(Number(value.toPrecision(9)))
}

function printedFloat64(value: number, word: bigint): string {
  if (Number.isNaN(value)) return word === 0x7ff8000000000000n ? 'nan' : `nan(0x${word.toString(16)})`
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return Object.is(value, -0) ? '-0' : String(value)
}

/** The number that a float literal stands for (a NaN's bits aside). */
export function floatOfLiteral(text: string): number {
  const negative = text.startsWith('-')
  const body = negative ? text.slice(1) : text
  const size = body.startsWith('nan') ? Number.NaN : body.startsWith('inf') ? Number.POSITIVE_INFINITY : Number(body)
  return negative ? -size : size
}

/** UTF-8 bytes of a string literal, or the bytes that a `hex"…"` spells. */
export function bytesOfLiteral(literal: Literal): Uint8Array {
  if (literal.kind === 'string') return new TextEncoder().encode(literal.text)
  return Uint8Array.from(literal.text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** Builds tensor data from literals; a message where a literal cannot stand for an element of this type. */
export function dataOfLiterals(dtype: DType, count: number, literals: readonly Literal[]): TensorData | string {
  if (dtype === 'string') {
    const wrong = literals.find((literal) => literal.kind !== 'string' && literal.kind !== 'bytes')
    return wrong ? `${wrong.text} is not a string` : { form: 'strings', values: literals.map(bytesOfLiteral) }
  }
  const bits = DTYPES[dtype].bits
  const Type = arrayTypeOf(dtype)
  const array = new Type(Math.ceil(byteLengthOf(dtype, count) / Type.BYTES_PER_ELEMENT))
  const bytes = new Uint8Array(array.buffer)
  const view = new DataView(array.buffer)
  for (let i = 0; i < literals.length; i++) {
    const { kind, text } = literals[i]!
    if (kind === 'string' || kind === 'bytes') return `"${text}" is not a number`
    const nanBits = text.indexOf('(')
    if (array instanceof Float32Array || array instanceof Float64Array) {
      if (nanBits < 0) array[i] = floatOfLiteral(text)
      else if (array instanceof Float32Array) view.setUint32(i * 4, Number(text.slice(nanBits + 1, -1)), true)
      else view.setBigUint64(i * 8, BigInt(text.slice(nanBits + 1, -1)), true)
      continue
    }
    if (kind === 'float' && !isFloating(dtype)) return `${text} is not of type ${dtype}`
    const value = kind === 'float' ? encodeNumbers(dtype, [floatOfLiteral(text)])[0]! : BigInt(text)
    if (!fits(dtype, bits, BigInt(value))) return `${text} is out of range for ${dtype}`
    if (bits >= 8) setInteger(array, i, BigInt(value))
    else {
      const perByte = 8 / bits
      bytes[Math.floor(i / perByte)]! |= (Number(value) & ((1 << bits) - 1)) << ((i % perByte) * bits)
    }
  }
  return { form: 'raw', bytes: inMemory(bytes) }
}

const setInteger = (array: { [index: number]: number | bigint }, i: number, value: bigint): void => {
  array[i] = array instanceof BigInt64Array || array instanceof BigUint64Array ? value : Number(value)
}

function fits(dtype: DType, bits: number, value: bigint): boolean {
  const signed = dtype.startsWith('int')
  const span = 1n << BigInt(signed ? bits - 1 : bits)
  return value < span && value >= (signed ? -span : 0n)
}
