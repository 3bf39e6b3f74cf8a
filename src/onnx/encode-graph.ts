import { create } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type OperatorSetIdProto,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf'
import type { Attribute, Graph, Model, ModelFunction, Node, Tensor } from '../ir/index.ts'
import { ATTRIBUTE_FIELDS, decodeOpsets, standardDomain } from './decode-graph.ts'
import type { EncodeContext } from './encode-context.ts'
import { encodeSparse, encodeTensor } from './encode-tensor.ts'
import { encodeType, encodeValueInfo } from './encode-type.ts'
import { encodedOnce } from './encoded-parts.ts'
import { encodeMetadata, has, put, revive, shellOf, unhide } from './shell.ts'

const utf8 = new TextEncoder()
const bytesOf = (value: string | Uint8Array) =>
  (typeof value === 'string' ? utf8.encode(value) : value) as Uint8Array<ArrayBuffer>

const KINDS: Readonly<Record<Exclude<Attribute['type'], 'ref' | 'undefined'>, keyof typeof ATTRIBUTE_FIELDS>> = {
  float: Kind.FLOAT,
  int: Kind.INT,
  string: Kind.STRING,
  tensor: Kind.TENSOR,
  graph: Kind.GRAPH,
  sparseTensor: Kind.SPARSE_TENSOR,
  typeProto: Kind.TYPE_PROTO,
  floats: Kind.FLOATS,
  ints: Kind.INTS,
  strings: Kind.STRINGS,
  tensors: Kind.TENSORS,
  graphs: Kind.GRAPHS,
  sparseTensors: Kind.SPARSE_TENSORS,
  typeProtos: Kind.TYPE_PROTOS,
}

/** Names an outer message as holding deferred bytes where one of its parts does. */
function holds<M extends object>(message: M, parts: readonly (object | undefined)[], context: EncodeContext): M {
  if (parts.some((part) => part !== undefined && context.holders.has(part))) context.holders.add(message)
  return message
}

function encodeAttribute(name: string, attribute: Attribute, context: EncodeContext): AttributeProto {
  const shell = shellOf(AttributeProtoSchema, attribute.kept)
  const message = revive(AttributeProtoSchema, attribute.kept)
  put(message, 'name', name, true)
  put(message, 'docString', attribute.docString ?? '')
  if (attribute.type === 'undefined') return message
  if (attribute.type === 'ref') {
    put(message, 'refAttrName', attribute.name, true)
    put(message, 'type', attribute.kind, true)
    return message
  }
  const kind = KINDS[attribute.type]
  // A file of the first versions of ONNX may have left the type out; it stays so.
  if (!(shell && !has(shell.message, 'type'))) put(message, 'type', kind, true)
  const value = encodeValue(attribute, context)
  const field = ATTRIBUTE_FIELDS[kind]
  ;(message as Record<string, unknown>)[field] = value
  return holds(message, Array.isArray(value) ? (value as object[]) : [value as object], context)
}

function encodeValue(attribute: Attribute, context: EncodeContext): unknown {
  switch (attribute.type) {
    case 'string':
      return bytesOf(attribute.value)
    case 'strings':
      return attribute.value.map(bytesOf)
    case 'tensor':
      return encodeTensor(attribute.value, context)
    case 'tensors':
      return attribute.value.map((item) => encodeTensor(item, context))
    case 'graph':
      return encodeGraph(attribute.value, context)
    case 'graphs':
      return attribute.value.map((item) => encodeGraph(item, context))
    case 'sparseTensor':
      return encodeSparse(attribute.value, context)
    case 'sparseTensors':
      return attribute.value.map((item) => encodeSparse(item, context))
    case 'typeProto':
      return encodeType(attribute.value)
    case 'typeProtos':
      return attribute.value.map(encodeType)
    case 'ref':
    case 'undefined':
      return undefined
    default:
      return attribute.value
  }
}

function encodeNode(node: Node, context: EncodeContext): NodeProto {
  const message = revive(NodeProtoSchema, node.kept)
  message.input = node.inputs as string[]
  message.output = node.outputs as string[]
  put(message, 'name', node.name)
  put(message, 'opType', node.opType, true)
  if (standardDomain(message.domain) !== node.domain) put(message, 'domain', node.domain)
  put(message, 'overload', node.overload ?? '')
  put(message, 'docString', node.docString ?? '')
  message.metadataProps = encodeMetadata(node.metadata, message.metadataProps)
  message.attribute = unhide(
    Array.from(node.attributes, ([name, attribute]) => encodeAttribute(name, attribute, context)),
    node.kept,
    'attribute',
  )
  return holds(message, message.attribute, context)
}

function encodeGraph(graph: Graph, context: EncodeContext): GraphProto {
  const message = revive(GraphProtoSchema, graph.kept)
  put(message, 'name', graph.name, true)
  put(message, 'docString', graph.docString ?? '')
  message.node = graph.nodes.map((node) =>
    encodedOnce(node, NodeProtoSchema, selfContained(node), context, () => encodeNode(node, context)),
  )
  message.initializer = unhide(
    Array.from(graph.initializers, ([name, tensor]) =>
      tensor.name === name
        ? encodedOnce(tensor, TensorProtoSchema, staysInside(tensor, context), context, () =>
            encodeTensor(tensor, context),
          )
        : encodeTensor({ ...tensor, name }, context),
    ),
    graph.kept,
    'initializer',
  )
  message.sparseInitializer = (graph.sparseInitializers ?? []).map((tensor) => encodeSparse(tensor, context))
  message.input = graph.inputs.map(encodeValueInfo)
  message.output = graph.outputs.map(encodeValueInfo)
  message.valueInfo = unhide(
    Array.from(graph.valueInfos.values(), (info) =>
      encodedOnce(info, ValueInfoProtoSchema, true, context, () => encodeValueInfo(info)),
    ),
    graph.kept,
    'valueInfo',
  )
  message.metadataProps = encodeMetadata(graph.metadata, message.metadataProps)
  // Even where nothing is deferred: parts that are encoded already stand in it.
  context.holders.add(message)
  return message
}

/** Whether a node is written alike in every context: it holds no weights that could lie elsewhere. */
const selfContained = (node: Node) =>
  [...node.attributes.values()].every(({ type }) => !/^(tensor|graph|sparseTensor)/.test(type))

const staysInside = (tensor: Tensor, context: EncodeContext) =>
  tensor.data.form !== 'external' && typeof context.place(tensor) === 'string'

/** The entries as read where they still say the same; else new ones, in the spelling of the domain as read. */
function encodeOpsets(
  opsets: ReadonlyMap<string, number>,
  asRead: readonly OperatorSetIdProto[],
): OperatorSetIdProto[] {
  const before = decodeOpsets(asRead)
  const same = before.size === opsets.size && [...opsets].every(([domain, version]) => before.get(domain) === version)
  if (same) return [...asRead]
  return Array.from(opsets, ([domain, version]) => {
    const old = asRead.find((entry) => standardDomain(entry.domain) === domain)
    const message = Object.assign(create(OperatorSetIdProtoSchema), old ?? { domain })
    message.version = BigInt(version)
    return message
  })
}

function encodeFunction(definition: ModelFunction, context: EncodeContext): FunctionProto {
  const message = revive(FunctionProtoSchema, definition.kept)
  put(message, 'name', definition.name, true)
  if (standardDomain(message.domain) !== definition.domain || !definition.kept)
    put(message, 'domain', definition.domain, true)
  put(message, 'overload', definition.overload ?? '')
  put(message, 'docString', definition.docString ?? '')
  message.input = definition.inputs as string[]
  message.output = definition.outputs as string[]
  message.attribute = definition.attributes as string[]
  message.attributeProto = unhide(
    Array.from(definition.defaults, ([name, attribute]) => encodeAttribute(name, attribute, context)),
    definition.kept,
    'attributeProto',
  )
  message.node = definition.nodes.map((node) => encodeNode(node, context))
  message.opsetImport = encodeOpsets(definition.opsets, message.opsetImport)
  message.valueInfo = unhide(Array.from(definition.valueInfos.values(), encodeValueInfo), definition.kept, 'valueInfo')
  message.metadataProps = encodeMetadata(definition.metadata, message.metadataProps)
  return holds(message, [...message.node, ...message.attributeProto], context)
}

/** The whole model as a message, its large weights deferred. */
export function encodeToMessage(model: Model, context: EncodeContext): ModelProto {
  const message = revive(ModelProtoSchema, model.kept)
  put(message, 'irVersion', BigInt(model.irVersion), !model.kept)
  put(message, 'producerName', model.producerName)
  put(message, 'producerVersion', model.producerVersion)
  put(message, 'domain', model.domain)
  put(message, 'modelVersion', model.modelVersion)
  put(message, 'docString', model.docString)
  message.opsetImport = encodeOpsets(model.opsets, message.opsetImport)
  message.graph = encodeGraph(model.graph, context)
  message.metadataProps = encodeMetadata(model.metadata, message.metadataProps)
  message.functions = model.functions.map((item) => encodeFunction(item, context))
  return holds(message, [message.graph, ...message.functions], context)
}
