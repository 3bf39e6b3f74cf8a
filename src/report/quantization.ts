import { SCHEMES, TARGETS } from './choices.ts'
import { latencyRatio } from './latency.ts'
import { counts, equivalence, modelSize, passRun, refusal } from './rewrite.ts'
import {
  boolean,
  type Infer,
  integer,
  json,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  report,
  text,
} from './schema.ts'

const scheme = oneOf(...SCHEMES)
export type Scheme = Infer<typeof scheme>
const target = oneOf(...TARGETS)
export type Target = Infer<typeof target>

/**
 * Target `portable`: whether the weights alone prove that no x86 processor saturates. Channels are numbers of output
 * channels. Forms: `full` range, `reduced` in some channels, `exact` kernels that never add in 16 bits (depthwise),
 * `unsigned` weights.
 */
export const portability = object({
  proven: boolean,
  sentence: text,
  products: list(
    object({
      node: text,
      operator: text,
      channels: integer,
      form: oneOf('full', 'reduced', 'exact', 'unsigned'),
      /** Largest sum of two neighbouring weight codes of one sign; up to 128 fits. */
      worstPair: integer,
      reduced: list(integer),
      unsafe: list(integer),
    }),
  ),
})
export type Portability = Infer<typeof portability>

/**
 * Where the runtime on this machine adds two products of 8-bit codes in 16 bits, which saturate: whether the model is
 * `safe`, so that by its weights no sum can.
 */
export const saturation = object({
  safe: boolean,
  sentence: text,
})
export type Saturation = Infer<typeof saturation>

/** What a scheme made of a model, and what was measured of that; null where nothing was run. */
export const quantization = report('quantization', {
  scheme,
  target,
  options: optional(json),
  /** Integer kernels that the pass meant to get, by bare operator name. */
  planned: counts,
  /** Integer kernels counted in the graph that the runtime optimised; null where it cannot be read. */
  kernels: nullable(counts),
  /** Target `web`: against the lossless float model, by turns in the runtime of browsers, on one row. */
  timing: optional(object({ runtime: text, threads: integer, floatP50Ms: number, p50Ms: number, ratio: latencyRatio })),
  /** Why `kernels` is null. */
  kernelsReason: optional(text),
  float: list(refusal),
  before: modelSize,
  after: modelSize,
  /** Of the worst output; null where nothing was run. */
  sqnrDb: nullable(number),
  /** Rows, or random inputs, that `sqnrDb` and `layers` were seen on: a look, which `compare` on many rows may correct. */
  sqnrSamples: optional(integer),
  /** Those among them that are random inputs, for want of rows: what they keep, real rows may not. */
  sqnrRandom: optional(integer),
  layers: list(object({ name: text, sqnrDb: nullable(number) })),
  /** Whether a row's answer is the same whatever rows share its batch; null where nothing was run. `rows`: seen on so many. */
  batchInvariant: nullable(
    object({ all: boolean, outputs: record(boolean), reason: optional(text), rows: optional(integer) }),
  ),
  equivalence: optional(nullable(equivalence)),
  portable: optional(portability),
  /** Absent where products are exact, and where there are none. */
  saturation: optional(saturation),
  passes: list(passRun),
  warnings: list(text),
})
export type QuantizationReport = Infer<typeof quantization>
