import type { InferenceCore } from '../core.ts'
import type { ServerState } from '../http/inference-routes.ts'
import { configOf, metadataOf, SERVER, statisticsOf } from '../protocol/describe.ts'
import type { Scope } from '../security/keys.ts'
import { encode, encodeNamed, type MessageName } from './messages.ts'

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
      const versions = [...registry.model(name).warm.keys()]
      return encodeNamed('ModelMetadataResponse', metadataOf(registry.version(name, version), versions))
    },
  },
  ModelConfig: {
    request: 'ModelConfigRequest',
    scope: 'read',
    answer({ name, version }, { registry }) {
      const config = configOf(registry.version(name, version))
      const typed = (port: (typeof config.input)[number]) => ({
        ...port,
        data_type: Math.max(0, TYPES.indexOf(port.data_type)),
      })
      return encodeNamed('ModelConfigResponse', {
        config: {
          ...config,
          input: config.input.map(typed),
          output: config.output.map(typed),
          instance_group: config.instance_group.map((group) => ({ ...group, kind: KIND_CPU })),
        },
      })
    },
  },
  ModelStatistics: {
    request: 'ModelStatisticsRequest',
    scope: 'read',
    answer({ name, version }, { registry }) {
      const versions = name === '' ? registry.versions : [registry.version(name, version)]
      return encodeNamed('ModelStatisticsResponse', { model_stats: versions.map(statisticsOf) })
    },
  },
}
