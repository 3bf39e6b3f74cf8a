import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
} from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { bytesIn } from '../../engine/index.ts'

/**
 * The messages of `inference.GRPCInferenceService` by field: number and type. `*` repeats, `{}` maps strings to it,
 * `a|b` shares a oneof called `a`; a capital letter names another message. Numbers and types are those of the Open
 * Inference Protocol and the extensions of its reference implementation.
 */
const FIELDS = {
  InferParameter: {
    bool_param: '1 parameter_choice|bool',
    int64_param: '2 parameter_choice|int64',
    string_param: '3 parameter_choice|string',
    double_param: '4 parameter_choice|double',
    uint64_param: '5 parameter_choice|uint64',
  },
  InferTensorContents: {
    bool_contents: '1 *bool',
    int_contents: '2 *int32',
    int64_contents: '3 *int64',
    uint_contents: '4 *uint32',
    uint64_contents: '5 *uint64',
    fp32_contents: '6 *float',
    fp64_contents: '7 *double',
    bytes_contents: '8 *bytes',
  },
  ServerLiveRequest: {},
  ServerLiveResponse: { live: '1 bool' },
  ServerReadyRequest: {},
  ServerReadyResponse: { ready: '1 bool' },
  ModelReadyRequest: { name: '1 string', version: '2 string' },
  ModelReadyResponse: { ready: '1 bool' },
  ServerMetadataRequest: {},
  ServerMetadataResponse: { name: '1 string', version: '2 string', extensions: '3 *string' },
  ModelMetadataRequest: { name: '1 string', version: '2 string' },
  TensorMetadata: { name: '1 string', datatype: '2 string', shape: '3 *int64' },
  ModelMetadataResponse: {
    name: '1 string',
    versions: '2 *string',
    platform: '3 string',
    inputs: '4 *TensorMetadata',
    outputs: '5 *TensorMetadata',
  },
  InferTensor: {
    name: '1 string',
    datatype: '2 string',
    shape: '3 *int64',
    parameters: '4 {}InferParameter',
    contents: '5 InferTensorContents',
  },
  InferRequestedOutput: { name: '1 string', parameters: '2 {}InferParameter' },
  ModelInferRequest: {
    model_name: '1 string',
    model_version: '2 string',
    id: '3 string',
    parameters: '4 {}InferParameter',
    inputs: '5 *InferTensor',
    outputs: '6 *InferRequestedOutput',
    raw_input_contents: '7 *bytes',
  },
  ModelInferResponse: {
    model_name: '1 string',
    model_version: '2 string',
    id: '3 string',
    parameters: '4 {}InferParameter',
    outputs: '5 *InferTensor',
    raw_output_contents: '6 *bytes',
  },
  ModelStreamInferResponse: { error_message: '1 string', infer_response: '2 ModelInferResponse' },
  ModelConfigRequest: { name: '1 string', version: '2 string' },
  ModelConfigInput: { name: '1 string', data_type: '2 int32', dims: '4 *int64' },
  ModelConfigOutput: { name: '1 string', data_type: '2 int32', dims: '3 *int64' },
  InstanceGroup: { name: '1 string', count: '2 int32', kind: '4 int32' },
  DynamicBatching: { preferred_batch_size: '1 *int32', max_queue_delay_microseconds: '2 uint64' },
  ModelParameter: { string_value: '1 string' },
  ModelConfig: {
    name: '1 string',
    platform: '2 string',
    max_batch_size: '4 int32',
    input: '5 *ModelConfigInput',
    output: '6 *ModelConfigOutput',
    instance_group: '7 *InstanceGroup',
    dynamic_batching: '11 DynamicBatching',
    parameters: '14 {}ModelParameter',
    backend: '17 string',
  },
  ModelConfigResponse: { config: '1 ModelConfig' },
  ModelStatisticsRequest: { name: '1 string', version: '2 string' },
  StatisticDuration: { count: '1 uint64', ns: '2 uint64' },
  InferStatistics: {
    success: '1 StatisticDuration',
    fail: '2 StatisticDuration',
    queue: '3 StatisticDuration',
    compute_input: '4 StatisticDuration',
    compute_infer: '5 StatisticDuration',
    compute_output: '6 StatisticDuration',
    cache_hit: '7 StatisticDuration',
    cache_miss: '8 StatisticDuration',
  },
  InferBatchStatistics: {
    batch_size: '1 uint64',
    compute_input: '2 StatisticDuration',
    compute_infer: '3 StatisticDuration',
    compute_output: '4 StatisticDuration',
  },
  ModelStatistics: {
    name: '1 string',
    version: '2 string',
    last_inference: '3 uint64',
    inference_count: '4 uint64',
    execution_count: '5 uint64',
    inference_stats: '6 InferStatistics',
    batch_stats: '7 *InferBatchStatistics',
  },
  ModelStatisticsResponse: { model_stats: '1 *ModelStatistics' },
  RepositoryIndexRequest: { repository_name: '1 string', ready: '2 bool' },
  ModelIndex: { name: '1 string', version: '2 string', state: '3 string', reason: '4 string' },
  RepositoryIndexResponse: { models: '1 *ModelIndex' },
  ModelRepositoryParameter: {
    bool_param: '1 parameter_choice|bool',
    int64_param: '2 parameter_choice|int64',
    string_param: '3 parameter_choice|string',
    bytes_param: '4 parameter_choice|bytes',
  },
  RepositoryModelLoadRequest: {
    repository_name: '1 string',
    model_name: '2 string',
    parameters: '3 {}ModelRepositoryParameter',
  },
  RepositoryModelLoadResponse: {},
  RepositoryModelUnloadRequest: {
    repository_name: '1 string',
    model_name: '2 string',
    parameters: '3 {}ModelRepositoryParameter',
  },
  RepositoryModelUnloadResponse: {},
  HealthCheckRequest: { service: '1 string' },
  HealthCheckResponse: { status: '1 int32' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

export type MessageName = keyof typeof FIELDS

const SCALARS: Readonly<Record<string, string>> = {
  bool: 'TYPE_BOOL',
  bytes: 'TYPE_BYTES',
  double: 'TYPE_DOUBLE',
  float: 'TYPE_FLOAT',
  int32: 'TYPE_INT32',
  int64: 'TYPE_INT64',
  string: 'TYPE_STRING',
  uint32: 'TYPE_UINT32',
  uint64: 'TYPE_UINT64',
}

const PACKAGE = 'inference'

function field(name: string, number: number, type: string, more: object = {}): JsonValue {
  const scalar = SCALARS[type]
  return {
    name,
    number,
    label: 'LABEL_OPTIONAL',
    ...(scalar ? { type: scalar } : { type: 'TYPE_MESSAGE', typeName: `.${PACKAGE}.${type}` }),
    ...more,
  }
}

function message(name: string, fields: Readonly<Record<string, string>>): JsonValue {
  const nested: JsonValue[] = []
  const oneofs: string[] = []
  const entries = Object.entries(fields).map(([key, spec]) => {
    const [number, type] = spec.split(' ') as [string, string]
    if (type.startsWith('*')) return field(key, Number(number), type.slice(1), { label: 'LABEL_REPEATED' })
    if (type.startsWith('{}')) {
      const entry = `${key.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}Entry`
      nested.push({
        name: entry,
        field: [field('key', 1, 'string'), field('value', 2, type.slice(2))],
        options: { mapEntry: true },
      })
      return field(key, Number(number), `${name}.${entry}`, { label: 'LABEL_REPEATED' })
    }
    const [oneof, inner] = type.includes('|') ? (type.split('|') as [string, string]) : [undefined, type]
    if (oneof === undefined) return field(key, Number(number), inner)
    if (!oneofs.includes(oneof)) oneofs.push(oneof)
    return field(key, Number(number), inner, { oneofIndex: oneofs.indexOf(oneof) })
  })
  return { name, field: entries, nestedType: nested, oneofDecl: oneofs.map((one) => ({ name: one })) }
}

const registry = createFileRegistry(
  fromJson(FileDescriptorSetSchema, {
    file: [
      {
        name: 'inference.proto',
        package: PACKAGE,
        syntax: 'proto3',
        messageType: Object.entries(FIELDS).map(([name, fields]) => message(name, fields)),
      },
    ],
  }),
)

const descriptors = new Map<MessageName, DescMessage>(
  (Object.keys(FIELDS) as MessageName[]).map((name) => [name, registry.getMessage(`${PACKAGE}.${name}`)!]),
)

/** A message with the field names of JavaScript: `modelName` for `model_name`; whole numbers of 64 bits are bigints. */
export const decode = <T>(name: MessageName, bytes: Uint8Array): T => fromBinary(descriptors.get(name)!, bytes) as T

/** A message from fields as `decode` gives them. */
export const encode = (name: MessageName, fields: object): Buffer =>
  encoded(name, (descriptor) => create(descriptor, fields as never))

/** A message from what HTTP answers, by the protocol's names; what the message has no field for is left out. */
export const encodeNamed = (name: MessageName, json: object): Buffer =>
  encoded(name, (descriptor) => fromJson(descriptor, json as JsonValue, { ignoreUnknownFields: true }))

function encoded(name: MessageName, make: (descriptor: DescMessage) => Message): Buffer {
  const descriptor = descriptors.get(name)!
  const bytes = toBinary(descriptor, make(descriptor))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Fields of bytes behind a message, one each: protobuf reads them as if they had been written with it. */
export function withBytes(head: Buffer, number: number, pieces: readonly (readonly Uint8Array[])[]): Buffer {
  const parts: Uint8Array[] = [head]
  for (const piece of pieces) {
    const length = bytesIn(piece)
    parts.push(Uint8Array.of(...varint((number << 3) | 2), ...varint(length)), ...piece)
  }
  return Buffer.concat(parts)
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}
