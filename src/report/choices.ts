// What users choose among by name. Apart from the reports' schemas, so that the command can read its options without
// loading those.

/** Which weights and products become integers or halves. */
export const SCHEMES = ['static-int8', 'dynamic-int8', 'weight-int8', 'weight-int4', 'float16'] as const

/** Where the model shall run: this machine as it is, any x86-64 or ARM64 processor, or the WebAssembly of browsers. */
export const TARGETS = ['native', 'portable', 'web'] as const

/** Channels that the runtime's blocked float kernels compute at once: 8 with AVX2 and SSE, 16 with AVX-512 and on ARM. */
export const CHANNEL_BLOCKS = [8, 16] as const
export type ChannelBlock = (typeof CHANNEL_BLOCKS)[number]

/** A calibrator's method, or for each value the one whose rounding disturbs the outputs least. */
export const RANGE_METHODS = ['minmax', 'percentile', 'entropy', 'mse', 'most-rows', 'least-noise'] as const
