import { gateResult } from './gate.ts'
import { latencyRatio } from './latency.ts'
import { boolean, type Infer, integer, list, nullable, number, object, optional, pair, report, text } from './schema.ts'
import { verdict } from './verdict.ts'

/** One model of a selection, judged against the first one on the same rows. */
const selectedModel = object({
  path: text,
  /** Where its own form of the rows came from, where it has one. */
  data: optional(text),
  digest: text,
  bytes: integer,
  metric: nullable(number),
  /** Two-sided 1−α interval of the metric's change against the first model; null for the first itself. */
  change: nullable(pair(number)),
  /** Against the first model; null for the first itself. */
  verdict: nullable(verdict),
  sentence: text,
  /** One entry a gate file. */
  gates: list(gateResult),
  /** Every gate passed. */
  admitted: boolean,
  p50Ms: nullable(number),
  p99Ms: nullable(number),
  peakRssBytes: nullable(integer),
  /** Median of the paired latency ratio to the first model, with its interval; null for the first itself. */
  ratio: nullable(latencyRatio),
  /** No other model is at least as good in the metric, latency and size, and better in one. */
  onFront: boolean,
})
export type SelectedModel = Infer<typeof selectedModel>

/** Several models on the same rows, and which of those that a gate lets through is the fastest. */
export const selection = report('selection', {
  sentence: text,
  metric: text,
  higherIsBetter: boolean,
  n: integer,
  alpha: number,
  /** Best first: admitted models before others, then by the metric. */
  models: list(selectedModel),
  /** Paths of the models on the front. */
  front: list(text),
  /** The admitted model with the least latency; null where no gate let one through. */
  chosen: nullable(object({ path: text, reason: text })),
  threads: integer,
  cpu: text,
  runtime: text,
  data: object({ path: text, digest: text, rows: integer }),
  warnings: list(text),
})
export type SelectionReport = Infer<typeof selection>
