import { loadFields, loadReportFields } from './load.ts'
import { type Infer, integer, list, nullable, number, object, optional, pair, record, report, text } from './schema.ts'

/** How fast one model answered under the load of the report. */
const latencyOf = object({
  path: text,
  digest: optional(text),
  p50Ms: number,
  p90Ms: number,
  p99Ms: number,
  /** Rows a second. */
  throughput: number,
  /** Of this model alone: the runtime itself has been started before. */
  loadMs: number,
  firstMs: optional(number),
  /** Of the process that ran the model, beyond what it held before loading. */
  peakRssBytes: nullable(integer),
  /** The least and the most of those processes, of which `peakRssBytes` is the median. */
  peakRssBytesRange: optional(pair(integer)),
  runs: integer,
  ...loadFields,
})
export type LatencyOf = Infer<typeof latencyOf>

/**
 * Median of the paired ratio other / base over interleaved runs, with a two-sided 95 % interval; of runs of one thread
 * without the time in which other processes had the processor.
 */
export const latencyRatio = object({ base: text, other: text, median: number, ci: pair(number) })
export type LatencyRatio = Infer<typeof latencyRatio>

const decodingPhase = object({ p50Ms: number, p90Ms: number, p99Ms: number, tokensPerSecond: number })

/** Models timed by turns under one load. */
export const latency = report('latency', {
  scenario: text,
  threads: integer,
  batch: integer,
  cpu: text,
  runtime: text,
  models: list(latencyOf),
  ratios: list(latencyRatio),
  warnings: list(text),
  /** Language models with a key/value cache: reading a prompt and writing one token behind it, timed apart. */
  decoding: optional(
    object({
      promptTokens: integer,
      models: list(object({ path: text, prefill: decodingPhase, decode: decodingPhase })),
      ratios: object({ prefill: list(latencyRatio), decode: list(latencyRatio) }),
    }),
  ),
  ...loadReportFields,
})
export type LatencyReport = Infer<typeof latency>
export type SweepPoint = NonNullable<LatencyReport['sweep']>[number]
export type Costs = NonNullable<LatencyReport['costs']>

/** Where the time goes: median milliseconds of a run by operator and by node. */
export const profile = report('profile', {
  threads: integer,
  runs: integer,
  totalMs: number,
  operators: record(object({ calls: integer, ms: number })),
  nodes: list(object({ name: text, operator: text, ms: number })),
})
export type ProfileReport = Infer<typeof profile>
