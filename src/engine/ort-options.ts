import { UserError } from '../platform/index.ts'
import type { SessionOptions } from './session.ts'

/**
 * Configuration entries of ONNX Runtime that Whetstone knows. The runtime accepts unknown keys in silence, so a key
 * that is not listed here is refused. Source: `onnxruntime_session_options_config_keys.h`.
 */
const CONFIG_KEYS = [
  /** "1": signed Q/DQ pairs fuse on x64 too. */
  'session.qdqisint8allowed',
  /** "1": weights to U8 where 16-bit sums could saturate on CPUs without VNNI. */
  'session.x64quantprecision',
  /** "1": pairs of Quantize and Dequantize that cancel out are removed. */
  'session.enable_quant_qdq_cleanup',
  /** "1": Q/DQ are left as they stand. */
  'session.disable_quant_qdq',
  'session.set_denormal_as_zero',
  'session.disable_prepacking',
  'session.use_device_allocator_for_initializers',
  'session.use_env_allocators',
  'session.intra_op.allow_spinning',
  'session.inter_op.allow_spinning',
  'session.dynamic_block_base',
  /** "0" keeps the exact float result of a weight-only integer MatMul, "4" computes in int8. */
  'session.qdq_matmulnbits_accuracy_level',
  'session.optimized_model_external_initializers_file_name',
  'session.optimized_model_external_initializers_min_size_in_bytes',
  'optimization.enable_gelu_approximation',
  'optimization.disable_specified_optimizers',
  'optimization.minimal_build_optimizations',
  'mlas.enable_gemm_fastmath_arm64_bfloat16',
] as const
export type ConfigKey = (typeof CONFIG_KEYS)[number]
/** Entries by name. Numbers and switches are strings as well: the runtime throws on anything else. */
export type RuntimeConfig = Readonly<Partial<Record<ConfigKey, string>>>

/** What `ortNode` takes beyond every engine's options. */
export interface OrtSessionOptions extends SessionOptions {
  readonly config?: RuntimeConfig | undefined
  /**
   * Whether memory that a run needed is kept for the next one; true by default. It makes repeated runs faster, and
   * holds twice of what runs with large values need for the life of the session.
   */
  readonly arena?: boolean | undefined
}

/** What one use of the runtime needs on top: a profile, the optimised graph. */
interface RuntimeTask {
  readonly profilePrefix?: string
  readonly optimizedPath?: string
}

/**
 * The options for a session that hands inner values out. `GatherToSliceFusion` of 1.30 removes the Range that one Gather
 * reads (places of tokens, in many encoders), also where the Range is an output: handing it out then ends the process,
 * or the run.
 */
export function handingOut(options: OrtSessionOptions): OrtSessionOptions {
  const key = 'optimization.disable_specified_optimizers'
  const disabled = [options.config?.[key], 'GatherToSliceFusion'].filter(Boolean).join(';')
  return { ...options, config: { ...options.config, [key]: disabled } }
}

/** The options in the form that onnxruntime-node takes: no undefined, strings where it wants strings. */
export function nativeOptions(options: OrtSessionOptions, task: RuntimeTask = {}): Record<string, unknown> {
  return {
    ...sharedOptions(options),
    executionProviders: ['cpu'],
    intraOpNumThreads: threadsOf(options),
    interOpNumThreads: 1,
    ...(task.profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: task.profilePrefix }),
    ...(task.optimizedPath === undefined ? {} : { optimizedModelFilePath: task.optimizedPath }),
  }
}

/** The options in the form that onnxruntime-web takes, where threads belong to the whole runtime and not to a session. */
export function webOptions(options: OrtSessionOptions = {}): Record<string, unknown> {
  return { ...sharedOptions(options), executionProviders: ['wasm'] }
}

/** Threads that are asked for: 1 by default. */
export function threadsOf({ threads = 1 }: OrtSessionOptions): number {
  if (!Number.isInteger(threads) || threads < 1)
    throw new UserError('bad-argument', `threads is ${threads}; it must be a whole number from 1.`)
  return threads
}

function sharedOptions(options: OrtSessionOptions): Record<string, unknown> {
  const config = Object.entries(options.config ?? {}).filter(([, value]) => value !== undefined)
  for (const [key] of config)
    if (!(CONFIG_KEYS as readonly string[]).includes(key))
      throw new UserError('bad-argument', `Unknown runtime option "${key}".`, {
        hint: `Known: ${CONFIG_KEYS.join(', ')}.`,
      })
  return {
    executionMode: 'sequential',
    graphOptimizationLevel: options.optimization ?? 'all',
    // Fatal only: every error comes as an exception with the same text, and trials must not fill stderr with it.
    logSeverityLevel: 4,
    ...(options.arena === false ? { enableCpuMemArena: false } : {}),
    ...(config.length > 0 ? { extra: Object.fromEntries(config.map(([key, value]) => [key, String(value)])) } : {}),
  }
}
