import { comparison, grade } from './comparison.ts'
import { valueSummary } from './inspection.ts'
import { latencyRatio, profile } from './latency.ts'
import { portability, saturation } from './quantization.ts'
import { counts, oldestRuntime, refusal } from './rewrite.ts'
import {
  boolean,
  type Infer,
  integer,
  json,
  list,
  nullable,
  number,
  object,
  optional,
  pair,
  record,
  report,
  text,
} from './schema.ts'
import { verdict } from './verdict.ts'

/** What was found out about one candidate; null where something was not measured. */
const candidateResult = object({
  id: text,
  /** One line that a person reads: "lossless, then static int8 products only, full ranges". */
  recipe: text,
  bytes: nullable(integer),
  /**
   * Its ratio times the original's of `baseline`: what it took when the machine was as fast as then. Of `p99Ms` likewise,
   * but for what is handed out, which was timed in one run with that original.
   */
  p50Ms: nullable(number),
  /** Median of original / candidate, interleaved; above 1 is faster. */
  speedup: nullable(number),
  ratio: nullable(latencyRatio),
  /** The ratio that chose it, where it was timed again alone before it was handed out. */
  ratioBefore: optional(latencyRatio),
  /** Other candidates that came out as this very model. */
  alsoMadeAs: optional(list(text)),
  p99Ms: optional(nullable(number)),
  loadMs: nullable(number),
  peakRssBytes: nullable(integer),
  /** The least and the most that a process of it took. */
  peakRssBytesRange: optional(pair(integer)),
  verdict: nullable(verdict),
  grade,
  /** On how many proof rows that verdict stands; absent where it is one of the selection rows, which prove nothing. */
  provedRows: optional(integer),
  /** The metric's value on the rows that judged this candidate. */
  metric: nullable(number),
  /** How many rows those were: what cannot win is judged on some of the selection rows only. */
  judgedRows: optional(integer),
  sqnrDb: nullable(number),
  /** Every number of its outputs was that of the original on the rows that it was heard on: there is no noise to tell. */
  identical: optional(boolean),
  /** Where the worst output is boxes that were counted: what `sqnrDb` is the decibels of, as in a comparison's outputs. */
  boxes: optional(object({ compared: integer, changed: integer })),
  onFront: boolean,
  /** Why it was dropped, or what to know of it. */
  note: optional(text),
  planned: optional(counts),
  kernels: optional(nullable(counts)),
  float: optional(list(refusal)),
  /** Where spare channels were left out: whose inputs stay whole without a fit that holds, and why. */
  whole: optional(list(refusal)),
})
export type CandidateResult = Infer<typeof candidateResult>

/** A search: its candidates, the one that is handed out, and why. */
export const optimization = report('optimization', {
  sentence: text,
  model: object({ path: text, digest: text, bytes: integer }),
  inputs: list(valueSummary),
  outputs: list(valueSummary),
  /** What one row of the data gives each input: its sizes, and the value of a single number that is the same for all rows. */
  example: optional(list(object({ name: text, shape: list(integer), value: optional(text) }))),
  goal: text,
  /** What must hold whatever the goal; `broken` says how the model that is handed out breaks one, null where it keeps all. */
  limits: optional(
    object({
      maxBytes: optional(integer),
      maxP99Ms: optional(number),
      maxRssBytes: optional(integer),
      broken: nullable(text),
    }),
  ),
  margin: number,
  alpha: number,
  seed: integer,
  target: text,
  threads: integer,
  machine: object({ cpu: text, runtime: text, node: text, os: text }),
  data: object({ path: text, digest: text, rows: integer }),
  rows: object({ calibrate: integer, select: integer, prove: integer }),
  baseline: object({
    bytes: integer,
    p50Ms: number,
    p99Ms: optional(number),
    loadMs: number,
    peakRssBytes: nullable(integer),
    peakRssBytesRange: optional(pair(integer)),
    metric: nullable(number),
    metricName: text,
    /** Rows that the metric is of. */
    judgedRows: optional(integer),
  }),
  candidates: list(candidateResult),
  chosen: object({ id: text, reason: text, runtime: optional(oldestRuntime) }),
  /** The proof of the chosen model on the proof rows. */
  proof: nullable(comparison),
  /** Target `portable`: of the model that is handed out. */
  portable: optional(portability),
  /** Absent where products are exact, and where the model that is handed out has none. */
  saturation: optional(saturation),
  profiles: optional(object({ baseline: nullable(profile), chosen: nullable(profile) })),
  /** Seconds by phase. */
  elapsed: optional(record(number)),
  /** What there was no time for, in the order in which the search came to it; a warning says that there is such a thing. */
  leftOut: optional(list(text)),
  command: optional(text),
  explain: optional(json),
  warnings: list(text),
})
export type OptimizationReport = Infer<typeof optimization>
