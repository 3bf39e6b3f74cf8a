import type { Attribute, Graph, Node, ValueInfo } from '../model.ts'
import type { SparseTensor, Tensor } from '../tensor.ts'
import { parseNote } from './notes.ts'
import { parseAttributes } from './parse-attribute.ts'
import { parseSparse, parseTensor } from './parse-tensor.ts'
import { nextIsType, parseType } from './parse-type.ts'
import type { Scanner } from './scanner.ts'

/** A graph, its name included. */
export function parseGraph(scan: Scanner): Graph {
  const name = scan.name("a graph's name")
  const constants: Constants = { initializers: new Map(), sparse: [] }
  const inputs = parseValues(scan, '(', ')', constants, true)
  scan.expect('=')
  scan.expect('>')
  const outputs = parseValues(scan, '(', ')')
  const inner = scan.peek() === '<' ? parseValues(scan, '<', '>', constants) : []
  const note = parseNote(scan)
  return {
    name,
    inputs,
    outputs,
    initializers: constants.initializers,
    ...(constants.sparse.length > 0 ? { sparseInitializers: constants.sparse } : {}),
    valueInfos: new Map(inner.map((value) => [value.name, value])),
    nodes: parseNodes(scan),
    ...note,
  }
}

interface Constants {
  readonly initializers: Map<string, Tensor>
  readonly sparse: SparseTensor[]
}

/**
 * Values between `open` and `close`, each with a type or without. Where `constants` is given, `= {…}` after a value
 * makes a constant; it counts as a value as well where `both` is set, as in a graph's inputs.
 */
export function parseValues(
  scan: Scanner,
  open: string,
  close: string,
  constants?: Constants,
  both = false,
): ValueInfo[] {
  const values: ValueInfo[] = []
  scan.expect(open)
  if (scan.take(close)) return values
  do {
    const type: ValueInfo['type'] = nextIsType(scan) ? parseType(scan) : { kind: 'unknown' }
    const name = scan.name("a value's name")
    const constant = constants !== undefined && scan.take('=')
    if (constant && type.kind === 'sparse') constants.sparse.push(parseSparse(scan, type, name))
    else if (constant) constants.initializers.set(name, parseTensor(scan, type, name))
    if (!constant || both) values.push({ name, type, ...parseNote(scan) })
  } while (scan.take(','))
  scan.expect(close)
  return values
}

/** Nodes in braces, as a graph and a function hold them. */
export function parseNodes(scan: Scanner): Node[] {
  const nodes: Node[] = []
  scan.expect('{')
  while (!scan.take('}')) nodes.push(parseNode(scan))
  return nodes
}

function parseNode(scan: Scanner): Node {
  let name = ''
  if (scan.take('[')) {
    name = scan.optionalName() ?? ''
    scan.expect(']')
  }
  const outputs = parseNames(scan)
  scan.expect('=')
  const path = [scan.name("an operator's name")]
  while (scan.take('.')) path.push(scan.name("an operator's name"))
  const opType = path.pop()!
  const domain = path.join('.')
  const overload = scan.take(':') ? scan.name('an overload') : undefined
  let attributes: ReadonlyMap<string, Attribute> = new Map()
  if (scan.peek() === '<') attributes = parseAttributes(scan, parseGraph)
  scan.expect('(')
  const inputs = parseNames(scan)
  scan.expect(')')
  if (attributes.size === 0 && scan.peek() === '<') attributes = parseAttributes(scan, parseGraph)
  return {
    opType,
    domain: domain === 'ai.onnx' ? '' : domain,
    name,
    inputs,
    outputs,
    attributes,
    ...(overload === undefined ? {} : { overload }),
    ...parseNote(scan),
  }
}

/** Names with commas between; an omitted one is `""` or nothing before a comma. */
function parseNames(scan: Scanner): string[] {
  const names: string[] = []
  let name = scan.optionalName()
  if (name === undefined && scan.peek() !== ',') return names
  names.push(name ?? '')
  while (scan.take(',')) {
    name = scan.optionalName()
    if (name !== undefined) names.push(name)
    else if (scan.peek() === ',') names.push('')
    else break
  }
  return names
}
