import { WHETSTONE_VERSION } from '../../report/index.ts'
import type { ServedVersion } from '../model/served-version.ts'
import type { Duration } from '../model/statistics.ts'
import { datatypeOf, protocolShape } from './datatype.ts'

/** What both faces say of the server and its models, in the names of the protocol. */
export const SERVER = {
  name: 'whetstone',
  version: WHETSTONE_VERSION,
  extensions: [
    'classification',
    'model_configuration',
    'model_repository',
    'model_repository(unload_dependents)',
    'parameters',
    'statistics',
    'binary_tensor_data',
  ],
} as const

type Port = ServedVersion['ports']['inputs'][number]

const portOf = ({ name, dtype, shape }: Port) => ({
  name,
  datatype: datatypeOf(dtype),
  shape: protocolShape(shape),
})

export const metadataOf = (version: ServedVersion, versions: readonly string[]) => ({
  name: version.name,
  versions,
  platform: 'onnxruntime_onnx',
  inputs: version.ports.inputs.map(portOf),
  outputs: version.ports.outputs.map(portOf),
})

/** The configuration as the extension of that name writes it; what does not exist here is left out. */
export function configOf(version: ServedVersion) {
  const { plan, batching, batchSettings, ports } = version
  const batched = batching.rows > 1
  const port = ({ name, dtype, shape }: Port) => ({
    name,
    data_type: `TYPE_${datatypeOf(dtype) === 'BYTES' ? 'STRING' : datatypeOf(dtype)}`,
    // With a maximum batch size, the row is not among the dimensions.
    dims: protocolShape(shape).slice(batched ? 1 : 0),
  })
  return {
    name: version.name,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: batched ? batching.rows : 0,
    input: ports.inputs.map(port),
    output: ports.outputs.map(port),
    instance_group: [{ name: version.name, kind: 'KIND_CPU', count: plan.instances }],
    ...(batched
      ? {
          dynamic_batching: {
            preferred_batch_size: batchSettings.preferred,
            max_queue_delay_microseconds: Math.round(batchSettings.maxDelayMs * 1000),
            default_queue_policy: {
              max_queue_size: batchSettings.maxQueue,
              default_timeout_microseconds: Math.round(batchSettings.timeoutMs * 1000),
            },
          },
        }
      : {}),
    parameters: {
      digest: { string_value: ports.digest },
      threads: { string_value: String(plan.threads) },
      batching: { string_value: batching.reason },
      ...(batching.padding === null ? {} : { padding: { string_value: batching.padding } }),
    },
  }
}

/** The statistics of a version, counts and nanoseconds. */
export function statisticsOf(version: ServedVersion) {
  const { statistics } = version
  const none: Duration = { count: 0, ns: 0 }
  return {
    name: version.name,
    version: version.version,
    last_inference: statistics.lastInference,
    inference_count: statistics.inferences,
    execution_count: statistics.executions,
    inference_stats: {
      success: statistics.success,
      fail: statistics.fail,
      queue: statistics.queue,
      compute_input: statistics.computeInput,
      compute_infer: statistics.computeInfer,
      compute_output: none,
      cache_hit: statistics.cacheHit,
      cache_miss: statistics.cacheMiss,
    },
    batch_stats: [...statistics.batches]
      .sort(([a], [b]) => a - b)
      .map(([size, infer]) => ({ batch_size: size, compute_input: none, compute_infer: infer, compute_output: none })),
  }
}
