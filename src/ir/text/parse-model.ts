import type { Attribute, Metadata, Model, ModelFunction } from '../model.ts'
import { parseNote } from './notes.ts'
import { parseAttribute } from './parse-attribute.ts'
import { parseGraph, parseNodes, parseValues } from './parse-graph.ts'
import { parsePairs } from './parse-tensor.ts'
import { nextIsType, parseType } from './parse-type.ts'
import { Scanner } from './scanner.ts'

/**
 * Reads a model in ONNX's text syntax:
 * `<ir_version: 10, opset_import: ["" : 20]> g (float[N,3] x) => (float[N,3] y) { y = Relu (x) }`.
 * Without a header the model has IR version 10 and the standard operators of version 20.
 * Constants that live in other files can be named but not read. Throws ModelSyntaxError.
 */
export function parseModel(text: string): Model {
  const scan = new Scanner(text)
  const header = parseHeader(scan)
  const graph = parseGraph(scan)
  const functions: ModelFunction[] = []
  while (!scan.atEnd) functions.push(parseFunction(scan))
  return {
    irVersion: Number(header.ir_version ?? 10n),
    opsets: header.opset_import ?? new Map([['', 20]]),
    producerName: header.producer_name ?? '',
    producerVersion: header.producer_version ?? '',
    domain: header.domain ?? '',
    modelVersion: header.model_version ?? 0n,
    docString: header.doc_string ?? '',
    metadata: header.metadata_props ?? [],
    graph,
    functions,
  }
}

interface Header {
  ir_version?: bigint
  opset_import?: ReadonlyMap<string, number>
  producer_name?: string
  producer_version?: string
  domain?: string
  overload?: string
  model_version?: bigint
  doc_string?: string
  metadata_props?: Metadata
}

function parseHeader(scan: Scanner): Header {
  const header: Header = {}
  if (!scan.take('<')) return header
  do {
    const at = scan.position
    const key = scan.word('a field')
    scan.expect(':')
    switch (key) {
      case 'ir_version':
      case 'model_version':
        header[key] = scan.integer('a version')
        break
      case 'producer_name':
      case 'producer_version':
      case 'domain':
      case 'overload':
      case 'doc_string':
        header[key] = scan.string('a text in quotes')
        break
      case 'opset_import':
        header.opset_import = parseOpsets(scan)
        break
      case 'metadata_props':
        header.metadata_props = parsePairs(scan)
        break
      default:
        scan.fail(`'${key}' is not a field`, at)
    }
  } while (scan.take(','))
  scan.expect('>')
  return header
}

function parseOpsets(scan: Scanner): ReadonlyMap<string, number> {
  const opsets = new Map<string, number>()
  scan.expect('[')
  if (scan.take(']')) return opsets
  do {
    const domain = scan.string('a domain in quotes')
    scan.expect(':')
    opsets.set(domain === 'ai.onnx' ? '' : domain, Number(scan.integer('a version')))
  } while (scan.take(','))
  scan.expect(']')
  return opsets
}

function parseFunction(scan: Scanner): ModelFunction {
  const header = parseHeader(scan)
  const name = scan.name("a function's name")
  const { attributes, defaults } = parseParameters(scan)
  const valueInfos: ModelFunction['valueInfos'] extends ReadonlyMap<infer K, infer V> ? Map<K, V> : never = new Map()
  const parseNamesWithTypes = (): string[] => {
    const names: string[] = []
    scan.expect('(')
    if (scan.take(')')) return names
    do {
      const type = nextIsType(scan) ? parseType(scan) : undefined
      const value = scan.name("a value's name")
      names.push(value)
      if (type) valueInfos.set(value, { name: value, type, ...parseNote(scan) })
    } while (scan.take(','))
    scan.expect(')')
    return names
  }
  const inputs = parseNamesWithTypes()
  scan.expect('=')
  scan.expect('>')
  const outputs = parseNamesWithTypes()
  if (scan.peek() === '<') for (const value of parseValues(scan, '<', '>')) valueInfos.set(value.name, value)
  return {
    name,
    domain: header.domain ?? '',
    ...(header.overload === undefined ? {} : { overload: header.overload }),
    inputs,
    outputs,
    attributes,
    defaults,
    opsets: header.opset_import ?? new Map(),
    nodes: parseNodes(scan),
    valueInfos,
    ...(header.doc_string === undefined ? {} : { docString: header.doc_string }),
    ...(header.metadata_props === undefined ? {} : { metadata: header.metadata_props }),
  }
}

/** `<alpha, beta: float = 1.0>`: the function's attributes, those with a value have a default. */
function parseParameters(scan: Scanner) {
  const attributes: string[] = []
  const defaults = new Map<string, Attribute>()
  if (!scan.take('<')) return { attributes, defaults }
  do {
    const name = scan.name("an attribute's name")
    if (scan.peek() === ':' || scan.peek() === '=') defaults.set(name, parseAttribute(scan, parseGraph))
    else attributes.push(name)
  } while (scan.take(','))
  scan.expect('>')
  return { attributes, defaults }
}
