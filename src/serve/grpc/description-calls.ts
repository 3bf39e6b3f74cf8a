import type { InferenceCore } from '../core.ts'
import type { ServerState } from '../http/inference-routes.ts'
import { configOf, metadataOf, SERVER, statisticsOf } from '../protocol/describe.ts'
import type { Scope } from '../security/keys.ts'
import { encode, type MessageName } from './messages.ts'

/** A method that only says how things are. */
export interface Described {
  readonly request: MessageName
  readonly scope: Scope | null
  answer(message: { readonly name: string; readonly version: string }, core: InferenceCore, state: ServerState): Buffer
}

/** `TYPE_*` of a model's configuration. */
const TYPES = [
  'TYPE_INVALID',
  'TYPE_BOOL',
  'TYPE_UINT8',
  'TYPE_UINT16',
  'TYPE_UINT32',
  'TYPE_UINT64',
  'TYPE_INT8',
  'TYPE_INT16',
  'TYPE_INT32',
  'TYPE_INT64',
  'TYPE_FP16',
  'TYPE_FP32',
  'TYPE_FP64',
  'TYPE_STRING',
  'TYPE_BF16',
]
const KIND_CPU = 2
const SERVING = 1
const NOT_SERVING = 2

/** Health, metadata, configuration and statistics; the models' names are checked as over HTTP. */
export const descriptionCalls: Readonly<Record<string, Described>> = {
  ServerLive: { request: 'ServerLiveRequest', scope: null, answer: () => encode('ServerLiveResponse', { live: true }) },
  ServerReady: {
    request: 'ServerReadyRequest',
    scope: null,
    answer: (_, { registry }, state) => encode('ServerReadyResponse', { ready: state.ready && registry.ready }),
  },
  HealthCheck: {
    request: 'HealthCheckRequest',
    scope: null,
    answer: (_, { registry }, state) =>
      encode('HealthCheckResponse', { status: state.ready && registry.ready ? SERVING : NOT_SERVING }),
  },
  ModelReady: {
    request: 'ModelReadyRequest',
    scope: 'read',
    answer: ({ name, version }, { registry }) =>
      encode('ModelReadyResponse', { ready: registry.version(name, version).ready }),
  },
  ServerMetadata: {
    request: 'ServerMetadataRequest',
    scope: 'read',
    answer: () => encode('ServerMetadataResponse', { ...SERVER }),
  },
  ModelMetadata: {
    request: 'ModelMetadataRequest',
    scope: 'read',
    answer({ name, version }, { registry }) {
      const served = registry.version(name, version)
      const metadata = metadataOf(served, [...registry.model(name).warm.keys()])
      const wide = ({ shape, ...rest }: (typeof metadata.inputs)[number]) => ({ ...rest, shape: shape.map(BigInt) })
      return encode('ModelMetadataResponse', {
        ...metadata,
        inputs: metadata.inputs.map(wide),
        outputs: metadata.outputs.map(wide),
      })
    },
  },
  ModelConfig: {
    request: 'ModelConfigRequest',
    scope: 'read',
    answer({ name, version }, { registry }) {
      const config = configOf(registry.version(name, version))
      const port = ({ name: own, data_type: type, dims }: (typeof config.input)[number]) => ({
        name: own,
        dataType: Math.max(0, TYPES.indexOf(type)),
        dims: dims.map(BigInt),
      })
      const batching = config.dynamic_batching
      return encode('ModelConfigResponse', {
        config: {
          name: config.name,
          platform: config.platform,
          backend: config.backend,
          maxBatchSize: config.max_batch_size,
          input: config.input.map(port),
          output: config.output.map(port),
          instanceGroup: config.instance_group.map(({ name: own, count }) => ({ name: own, count, kind: KIND_CPU })),
          ...(batching
            ? {
                dynamicBatching: {
                  preferredBatchSize: batching.preferred_batch_size,
                  maxQueueDelayMicroseconds: BigInt(batching.max_queue_delay_microseconds),
                },
              }
            : {}),
          parameters: Object.fromEntries(
            Object.entries(config.parameters).map(([key, { string_value: text }]) => [key, { stringValue: text }]),
          ),
        },
      })
    },
  },
  ModelStatistics: {
    request: 'ModelStatisticsRequest',
    scope: 'read',
    answer({ name, version }, { registry }) {
      const versions = name === '' ? registry.versions : [registry.version(name, version)]
      return encode('ModelStatisticsResponse', { modelStats: versions.map((one) => inMessage(statisticsOf(one))) })
    },
  },
}

/** The same fields with the names and whole numbers of the message. */
function inMessage(value: unknown): unknown {
  if (typeof value === 'number') return BigInt(Math.round(value))
  if (Array.isArray(value)) return value.map(inMessage)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      inMessage(inner),
    ]),
  )
}
