import type { Dim, Shape, ValueType } from '../model.ts'
import { dtypeOfName, opensType } from './names.ts'
import type { Scanner } from './scanner.ts'

export const nextIsType = (scan: Scanner): boolean => opensType(scan.peekWord())

/** A type: `float` is a scalar, `float[]` a tensor of unknown rank, `float[2,N,?]` one of known rank. */
export function parseType(scan: Scanner): ValueType {
  const at = scan.position
  const word = scan.word('a type')
  const dtype = dtypeOfName(word)
  if (dtype !== undefined) return { kind: 'tensor', dtype, shape: parseShape(scan) }
  if (!opensType(word)) scan.fail(`'${word}' is not a type`, at)
  scan.expect('(')
  const type = parseContainer(scan, word)
  scan.expect(')')
  return type
}

function parseContainer(scan: Scanner, word: string): ValueType {
  if (word === 'seq') return { kind: 'sequence', elem: parseInnerType(scan) }
  if (word === 'optional') return { kind: 'optional', elem: parseInnerType(scan) }
  const dtype = dtypeOfName(scan.peekWord()) ?? scan.fail('expected an element type')
  scan.word('an element type')
  if (word === 'sparse_tensor') return { kind: 'sparse', dtype, shape: parseShape(scan) }
  scan.expect(',')
  return { kind: 'map', key: dtype, value: parseInnerType(scan) }
}

/** `?` inside a container: its element type is not stated. */
function parseInnerType(scan: Scanner): ValueType | null {
  if (scan.take('?')) return null
  return parseType(scan)
}

function parseShape(scan: Scanner): Shape | null {
  if (!scan.take('[')) return []
  if (scan.take(']')) return null
  const dims: Dim[] = []
  do dims.push(parseDim(scan))
  while (scan.take(','))
  scan.expect(']')
  return dims
}

function parseDim(scan: Scanner): Dim {
  if (scan.take('?')) return null
  return scan.optionalName() ?? Number(scan.integer('a dimension'))
}
