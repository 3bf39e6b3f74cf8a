import type { DType } from '../dtype.ts'
import type { Shape, ValueType } from '../model.ts'
import {
  type ByteRange,
  inMemory,
  type SparseTensor,
  type Tensor,
  type TensorData,
  tensorByteLength,
} from '../tensor.ts'
import { dataOfLiterals, literalCount } from './elements.ts'
import { parseNote } from './notes.ts'
import { parseType } from './parse-type.ts'
import type { Literal, Scanner } from './scanner.ts'

export const nextIsTensorData = (scan: Scanner): boolean => scan.peek() === '{' || scan.peek() === '['

/** A tensor after its type and name: `{1, 2}`, or `["location": "w.bin", …]` for elements in another file. */
export function parseTensor(scan: Scanner, type: ValueType, name: string): Tensor {
  if (type.kind !== 'tensor') scan.fail('a constant needs a tensor type')
  const dims = constantDims(scan, type.shape)
  const { docString } = parseNote(scan)
  const data = scan.peek() === '[' ? parseExternal(scan, type.dtype, dims) : parseData(scan, type.dtype, dims)
  return { name, dtype: type.dtype, dims, data, ...(docString === undefined ? {} : { docString }) }
}

/** A sparse tensor after its type and name: `{ float[2] {1, 2}, int64[2] {0, 7} }`, values before indices. */
export function parseSparse(scan: Scanner, type: ValueType, name: string): SparseTensor {
  const dims = constantDims(scan, type.kind === 'sparse' ? type.shape : null)
  scan.expect('{')
  const values = parseTypedTensor(scan)
  scan.expect(',')
  const indices = parseTypedTensor(scan)
  scan.expect('}')
  return { values: { ...values, name: values.name || name }, indices, dims }
}

function parseTypedTensor(scan: Scanner): Tensor {
  const type = parseType(scan)
  const name = scan.optionalName() ?? ''
  scan.take('=')
  return parseTensor(scan, type, name)
}

function constantDims(scan: Scanner, shape: Shape | null): readonly number[] {
  if (shape === null) return scan.fail('a constant needs a shape')
  return shape.map((dim) => (typeof dim === 'number' ? dim : scan.fail('a constant needs numbers for dimensions')))
}

function parseData(scan: Scanner, dtype: DType, dims: readonly number[]): TensorData {
  const at = scan.position
  scan.expect('{')
  const literals: Literal[] = []
  if (!scan.take('}')) {
    do {
      if (scan.take('...')) scan.fail('these elements were left out when the model was printed')
      literals.push(parseElement(scan))
    } while (scan.take(','))
    scan.expect('}')
  }
  const expected = literalCount(dtype, dims)
  if (literals.length !== expected) scan.fail(`expected ${expected} elements, found ${literals.length}`, at)
  const data = dataOfLiterals(dtype, expected / (dtype.startsWith('complex') ? 2 : 1), literals)
  return typeof data === 'string' ? scan.fail(data, at) : data
}

function parseElement(scan: Scanner): Literal {
  const literal = scan.literal()
  if (literal) return literal
  if (scan.peekWord() === 'true' || scan.peekWord() === 'false')
    return { kind: 'int', text: scan.word('a truth value') === 'true' ? '1' : '0' }
  return scan.fail('expected an element')
}

function parseExternal(scan: Scanner, dtype: DType, dims: readonly number[]): TensorData {
  const entries = parsePairs(scan)
  const bytes: ByteRange = {
    ...inMemory(new Uint8Array(0)),
    byteLength: tensorByteLength(dtype, dims),
    read: () => {
      throw new Error(
        `internal: the text names ${JSON.stringify(entries)}, and nothing that is parsed reads other files`,
      )
    },
  }
  return { form: 'external', entries, bytes }
}

/** `["key": "value", …]` */
export function parsePairs(scan: Scanner): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = []
  scan.expect('[')
  if (scan.take(']')) return pairs
  do {
    const key = scan.string('a key in quotes')
    scan.expect(':')
    pairs.push([key, scan.string('a value in quotes')])
  } while (scan.take(','))
  scan.expect(']')
  return pairs
}
