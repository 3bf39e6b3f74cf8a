import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  AttributeProto_AttributeType as Kind,
  type NodeProto,
  type OperatorSetIdProto,
} from 'onnx-buf'
import { type Attribute, type Graph, inOrder, type ModelFunction, type Node } from '../ir/index.ts'
import { decodeSparse, decodeTensor } from './decode-tensor.ts'
import { decodeType, decodeValueInfo } from './decode-type.ts'
import type { ExternalFiles } from './external-data.ts'
import { badModel, type Place } from './problem.ts'
import { decodeMetadata, has, irregular, regularEntries, type Shell, strip, toMap } from './shell.ts'

/** 'ai.onnx' is another spelling of the standard domain; shells remember it. */
export const standardDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain)

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text where the bytes are UTF-8, else the bytes. */
function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  try {
    return utf8.decode(bytes)
  } catch {
    return bytes
  }
}

/** The field that holds the value of each kind of attribute. */
export const ATTRIBUTE_FIELDS = {
  [Kind.FLOAT]: 'f',
  [Kind.INT]: 'i',
  [Kind.STRING]: 's',
  [Kind.TENSOR]: 't',
  [Kind.GRAPH]: 'g',
  [Kind.SPARSE_TENSOR]: 'sparseTensor',
  [Kind.TYPE_PROTO]: 'tp',
  [Kind.FLOATS]: 'floats',
  [Kind.INTS]: 'ints',
  [Kind.STRINGS]: 'strings',
  [Kind.TENSORS]: 'tensors',
  [Kind.GRAPHS]: 'graphs',
  [Kind.SPARSE_TENSORS]: 'sparseTensors',
  [Kind.TYPE_PROTOS]: 'typeProtos',
} as const
type Field = (typeof ATTRIBUTE_FIELDS)[keyof typeof ATTRIBUTE_FIELDS]
const ALL_FIELDS = Object.values(ATTRIBUTE_FIELDS)

function decodeAttribute(message: AttributeProto, files: ExternalFiles, place: Place): Attribute {
  const { docString, refAttrName } = message
  const filled = ALL_FIELDS.filter((field) => {
    const value = message[field]
    return Array.isArray(value) ? value.length > 0 : has(message, field) && value !== undefined
  })
  const stated = has(message, 'type') ? message.type : Kind.UNDEFINED
  // The first versions of ONNX did without a type: the only field that is there tells it.
  const kind =
    stated === Kind.UNDEFINED && filled.length === 1 && !message.$unknown?.length && refAttrName === ''
      ? (Number(Object.entries(ATTRIBUTE_FIELDS).find(([, field]) => field === filled[0])![0]) as Kind)
      : stated
  const field = ATTRIBUTE_FIELDS[kind as keyof typeof ATTRIBUTE_FIELDS] as Field | undefined
  const value: Attribute =
    refAttrName !== ''
      ? { type: 'ref', name: refAttrName, kind: stated }
      : (field && decodeValue(message, field, files, place)) || { type: 'undefined' }
  const isOther = value.type === 'ref' || value.type === 'undefined'
  const scalar = field && !isOther && !Array.isArray(message[field]) ? [field] : []
  const keep =
    irregular(message, ['name', 'type', ...(value.type === 'ref' ? ['refAttrName'] : scalar)]) ||
    stated !== kind ||
    value.type === 'undefined' ||
    filled.some((other) => isOther || other !== field)
  let kept: Shell | undefined
  if (keep) {
    if (field && !isOther) strip(message, field)
    kept = { message }
  }
  return { ...value, ...(docString === '' ? {} : { docString }), ...(kept ? { kept } : {}) }
}

function decodeValue(message: AttributeProto, field: Field, files: ExternalFiles, place: Place): Attribute | undefined {
  const { t, g, sparseTensor, tp } = message
  switch (field) {
    case 'f':
      return { type: 'float', value: message.f }
    case 'i':
      return { type: 'int', value: message.i }
    case 's':
      return { type: 'string', value: textOrBytes(message.s) }
    case 't':
      return t && { type: 'tensor', value: decodeTensor(t, files, place) }
    case 'g':
      return g && { type: 'graph', value: decodeGraph(g, files, place) }
    case 'sparseTensor':
      return sparseTensor && { type: 'sparseTensor', value: decodeSparse(sparseTensor, files, place) }
    case 'tp':
      return tp && { type: 'typeProto', value: decodeType(tp) }
    case 'floats':
      return { type: 'floats', value: message.floats }
    case 'ints':
      return { type: 'ints', value: message.ints }
    case 'strings':
      return { type: 'strings', value: message.strings.map(textOrBytes) }
    case 'tensors':
      return { type: 'tensors', value: message.tensors.map((item) => decodeTensor(item, files, place)) }
    case 'graphs':
      return { type: 'graphs', value: message.graphs.map((item) => decodeGraph(item, files, place)) }
    case 'sparseTensors':
      return { type: 'sparseTensors', value: message.sparseTensors.map((item) => decodeSparse(item, files, place)) }
    case 'typeProtos':
      return { type: 'typeProtos', value: message.typeProtos.map(decodeType) }
  }
}

function decodeNode(message: NodeProto, files: ExternalFiles, outer: Place): Node {
  const { opType, domain, name, input, output, overload, docString } = message
  const place = outer.in(`node ${JSON.stringify(name || output[0] || opType)}`)
  const { map, hidden } = toMap(
    message.attribute,
    (attribute) => attribute.name,
    (attribute) => decodeAttribute(attribute, files, place.in(`attribute ${JSON.stringify(attribute.name)}`)),
  )
  const metadata = decodeMetadata(message.metadataProps)
  const keptEntries = !regularEntries(message.metadataProps)
  let kept: Shell | undefined
  if (
    irregular(message, ['opType']) ||
    keptEntries ||
    hidden.length > 0 ||
    domain === 'ai.onnx' ||
    message.deviceConfigurations.length > 0
  ) {
    strip(message, 'input', 'output', 'attribute')
    if (!keptEntries) strip(message, 'metadataProps')
    kept = hidden.length > 0 ? { message, hidden: { attribute: hidden } } : { message }
  }
  return {
    opType,
    domain: standardDomain(domain),
    name,
    inputs: input,
    outputs: output,
    attributes: map,
    ...(overload === '' ? {} : { overload }),
    ...(docString === '' ? {} : { docString }),
    ...(metadata.length === 0 ? {} : { metadata }),
    ...(kept ? { kept } : {}),
  }
}

/** A graph, nested ones too; `outer` says where it is in the file, for what is refused. */
export function decodeGraph(message: GraphProto, files: ExternalFiles, outer: Place): Graph {
  const { name, docString } = message
  const place = outer.in(name === '' ? 'graph' : `graph ${JSON.stringify(name)}`)
  const initializers = toMap(
    message.initializer,
    (tensor) => tensor.name,
    (tensor) => decodeTensor(tensor, files, place),
  )
  const valueInfos = toMap(message.valueInfo, (info) => info.name, decodeValueInfo)
  const sparse = message.sparseInitializer.map((tensor) => decodeSparse(tensor, files, place))
  const metadata = decodeMetadata(message.metadataProps)
  const keptEntries = !regularEntries(message.metadataProps)
  const graph: Graph = {
    name,
    nodes: inOrder(message.node.map((node) => decodeNode(node, files, place))),
    inputs: message.input.map(decodeValueInfo),
    outputs: message.output.map(decodeValueInfo),
    initializers: initializers.map,
    valueInfos: valueInfos.map,
    ...(sparse.length === 0 ? {} : { sparseInitializers: sparse }),
    ...(docString === '' ? {} : { docString }),
    ...(metadata.length === 0 ? {} : { metadata }),
  }
  const anyHidden = initializers.hidden.length > 0 || valueInfos.hidden.length > 0
  if (!irregular(message, ['name']) && !keptEntries && !anyHidden && message.quantizationAnnotation.length === 0)
    return graph
  strip(message, 'node', 'initializer', 'sparseInitializer', 'input', 'output', 'valueInfo')
  if (!keptEntries) strip(message, 'metadataProps')
  const hidden = { initializer: initializers.hidden, valueInfo: valueInfos.hidden }
  return { ...graph, kept: { message, ...(anyHidden ? { hidden } : {}) } satisfies Shell }
}

/** Versions by domain; of two statements about one domain the higher version counts. */
export function decodeOpsets(imports: readonly OperatorSetIdProto[]): Map<string, number> {
  const opsets = new Map<string, number>()
  for (const { domain, version } of imports) {
    const key = standardDomain(domain)
    opsets.set(key, Math.max(opsets.get(key) ?? 0, Number(version)))
  }
  return opsets
}

/** A version that a file states, as a number. UserError `bad-model` where no release could have it. */
export function statedVersion(version: bigint, what: string, place: Place): number {
  if (version < 0n || version >= 1n << 31n) throw badModel(`the file states the ${what} ${version}`, place)
  return Number(version)
}

/** Versions by domain, each checked. */
export function readOpsets(imports: readonly OperatorSetIdProto[], place: Place): Map<string, number> {
  for (const { version } of imports) statedVersion(version, 'operator set', place)
  return decodeOpsets(imports)
}

/** Whether `encodeOpsets` would write these entries so. */
export function regularOpsets(imports: readonly OperatorSetIdProto[]): boolean {
  return (
    imports.every((entry) => !irregular(entry, ['domain', 'version']) && entry.domain !== 'ai.onnx') &&
    new Set(imports.map((entry) => entry.domain)).size === imports.length
  )
}

/** A function of the model, with the defaults of its attributes. */
export function decodeFunction(message: FunctionProto, files: ExternalFiles, outer: Place): ModelFunction {
  const { name, domain, overload, docString, input, output, attribute } = message
  const place = outer.in(`function ${JSON.stringify(name)}`)
  const defaults = toMap(
    message.attributeProto,
    (item) => item.name,
    (item) => decodeAttribute(item, files, place.in(`attribute ${JSON.stringify(item.name)}`)),
  )
  const valueInfos = toMap(message.valueInfo, (info) => info.name, decodeValueInfo)
  const metadata = decodeMetadata(message.metadataProps)
  const keptEntries = !regularEntries(message.metadataProps)
  const keptOpsets = !regularOpsets(message.opsetImport)
  const result: ModelFunction = {
    name,
    domain: standardDomain(domain),
    inputs: input,
    outputs: output,
    attributes: attribute,
    defaults: defaults.map,
    opsets: readOpsets(message.opsetImport, place),
    nodes: inOrder(message.node.map((node) => decodeNode(node, files, place))),
    valueInfos: valueInfos.map,
    ...(overload === '' ? {} : { overload }),
    ...(docString === '' ? {} : { docString }),
    ...(metadata.length === 0 ? {} : { metadata }),
  }
  const anyHidden = defaults.hidden.length > 0 || valueInfos.hidden.length > 0
  if (!irregular(message, ['name', 'domain']) && !keptEntries && !keptOpsets && !anyHidden && domain !== 'ai.onnx')
    return result
  strip(message, 'input', 'output', 'attribute', 'attributeProto', 'node', 'valueInfo')
  if (!keptEntries) strip(message, 'metadataProps')
  if (!keptOpsets) strip(message, 'opsetImport')
  const hidden = { attributeProto: defaults.hidden, valueInfo: valueInfos.hidden }
  return { ...result, kept: { message, ...(anyHidden ? { hidden } : {}) } satisfies Shell }
}
