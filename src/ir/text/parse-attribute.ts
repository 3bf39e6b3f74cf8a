import type { Attribute, Graph, ValueType } from '../model.ts'
import type { SparseTensor, Tensor } from '../tensor.ts'
import { bytesOfLiteral, floatOfLiteral } from './elements.ts'
import { ATTRIBUTE_KINDS } from './names.ts'
import { parseNote } from './notes.ts'
import { nextIsTensorData, parseSparse, parseTensor } from './parse-tensor.ts'
import { nextIsType, parseType } from './parse-type.ts'
import type { Scanner } from './scanner.ts'

/** One value of an attribute that is not a reference. */
type Single =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'string'; readonly value: string | Uint8Array }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'sparseTensor'; readonly value: SparseTensor }
  | { readonly type: 'typeProto'; readonly value: ValueType }

type GraphParser = (scan: Scanner) => Graph

/** `<axis = 1, alpha: float = @alpha, …>` */
export function parseAttributes(scan: Scanner, graph: GraphParser): Map<string, Attribute> {
  const attributes = new Map<string, Attribute>()
  scan.expect('<')
  do {
    const at = scan.position
    const name = scan.name("an attribute's name")
    if (attributes.has(name)) scan.fail(`attribute '${name}' stands twice`, at)
    attributes.set(name, parseAttribute(scan, graph))
  } while (scan.take(','))
  scan.expect('>')
  return attributes
}

/** An attribute after its name: `: ints = [1, 2]`, the type optional unless the list is empty. */
export function parseAttribute(scan: Scanner, graph: GraphParser): Attribute {
  const kind = scan.take(':') ? parseKind(scan) : undefined
  scan.expect('=')
  const value = parseValue(scan, kind, graph)
  return { ...value, ...parseNote(scan) }
}

function parseKind(scan: Scanner): number {
  const at = scan.position
  const kind = ATTRIBUTE_KINDS.indexOf(scan.word("an attribute's type") as (typeof ATTRIBUTE_KINDS)[number])
  return kind < 0 ? scan.fail('not a type of attribute', at) : kind
}

function parseValue(scan: Scanner, kind: number | undefined, graph: GraphParser): Attribute {
  if (scan.take('@')) return { type: 'ref', name: scan.name("an attribute's name"), kind: kind ?? 0 }
  if (kind === 0) {
    scan.expect('?')
    return { type: 'undefined' }
  }
  const at = scan.position
  if (!scan.take('[')) {
    const single = promoted(parseSingle(scan, graph), kind)
    if (kind !== undefined && kindOf(single) !== kind) mismatch(scan, at, kind)
    return single
  }
  const values: Single[] = []
  if (!scan.take(']')) {
    do values.push(promoted(parseSingle(scan, graph), kind))
    while (scan.take(','))
    scan.expect(']')
  }
  const first = values[0] ? kindOf(values[0]) : undefined
  const list = kind ?? (first === undefined ? scan.fail('an empty list needs its type', at) : listOf(first))
  const mixed = values.some((value) => listOf(kindOf(value)) !== list)
  if (!isList(list) || (mixed && !areNumbers(values))) mismatch(scan, at, list)
  return listAttribute(mixed ? listOf(1) : list, values)
}

function mismatch(scan: Scanner, at: number, kind: number): never {
  return scan.fail(`the value is not of type ${ATTRIBUTE_KINDS[kind]}`, at)
}

/** An integer literal serves as a float where a float is announced. */
function promoted(single: Single, kind: number | undefined): Single {
  if (single.type !== 'int' || (kind !== 1 && kind !== 6)) return single
  return { type: 'float', value: Math.fround(Number(single.value)) }
}

/** Whether a list of mixed numbers may be read as floats: `[1, 0.5]`. */
const areNumbers = (values: readonly Single[]): boolean =>
  values.every((value) => value.type === 'int' || value.type === 'float')

const KIND_OF: Record<Single['type'], number> = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  sparseTensor: 11,
  typeProto: 13,
}
const kindOf = (single: Single): number => KIND_OF[single.type]
const listOf = (kind: number): number => (kind <= 5 ? kind + 5 : kind + 1)
const isList = (kind: number): boolean => (kind >= 6 && kind <= 10) || kind === 12 || kind === 14

function listAttribute(list: number, singles: readonly Single[]): Attribute {
  const values = singles.map((single) => single.value)
  switch (list) {
    case 6:
      return { type: 'floats', value: values.map((value) => Math.fround(Number(value))) }
    case 7:
      return { type: 'ints', value: values as bigint[] }
    case 8:
      return { type: 'strings', value: values as (string | Uint8Array)[] }
    case 9:
      return { type: 'tensors', value: values as Tensor[] }
    case 10:
      return { type: 'graphs', value: values as Graph[] }
    case 12:
      return { type: 'sparseTensors', value: values as SparseTensor[] }
    default:
      return { type: 'typeProtos', value: values as ValueType[] }
  }
}

function parseSingle(scan: Scanner, graph: GraphParser): Single {
  const at = scan.position
  const literal = scan.literal()
  if (literal?.kind === 'float') return { type: 'float', value: Math.fround(floatOfLiteral(literal.text)) }
  if (literal?.kind === 'int') return { type: 'int', value: BigInt(literal.text) }
  // A quoted name before '(' opens a graph.
  if (literal?.kind === 'string' && scan.peek() !== '(') return { type: 'string', value: literal.text }
  if (literal?.kind === 'bytes') return { type: 'string', value: bytesOfLiteral(literal) }
  if (literal) scan.seek(at)
  if (!literal && nextIsType(scan)) return parseTyped(scan)
  if (scan.take('?')) return { type: 'typeProto', value: { kind: 'unknown' } }
  if (!literal && scan.peekWord() === '') scan.fail('expected a value')
  return { type: 'graph', value: graph(scan) }
}

/** What begins with a type: a constant where a name or data follows, else the type itself. */
function parseTyped(scan: Scanner): Single {
  const type = parseType(scan)
  const isConstant = nextIsTensorData(scan) || scan.peek() === '=' || scan.peek() === '"' || scan.peekWord() !== ''
  if (!isConstant || (type.kind !== 'tensor' && type.kind !== 'sparse')) return { type: 'typeProto', value: type }
  const name = scan.optionalName() ?? ''
  scan.take('=')
  if (type.kind === 'sparse') return { type: 'sparseTensor', value: parseSparse(scan, type, name) }
  return { type: 'tensor', value: parseTensor(scan, type, name) }
}
