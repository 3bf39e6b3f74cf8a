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
  record,
  report,
  text,
} from './schema.ts'

/** A node that a pass, or the whole run, left alone, and why. */
export const refusal = object({ node: text, reason: text })
export type Refusal = Infer<typeof refusal>

/** Operator counts by bare name. */
export const counts = record(integer)

/** The oldest release of ONNX Runtime that takes a file, of those tried (1.14 and newer), and what in it asks for it. */
export const oldestRuntime = object({ release: text, because: list(text) })
export type OldestRuntime = Infer<typeof oldestRuntime>

/** Size of a model before or after: `bytes` of the encoded model with its external data. */
export const modelSize = object({ nodes: integer, bytes: integer, digest: text, runtime: optional(oldestRuntime) })
export type ModelSize = Infer<typeof modelSize>

/** What one pass did: how many rewrites it applied, what it refused. */
export const passRun = object({
  id: text,
  applied: integer,
  refused: list(refusal),
  options: optional(json),
  /** Things that were changed and are worth saying, such as initializers that were listed as inputs. */
  notes: optional(list(text)),
  /** Kernels that a quantization means to get from the runtime, by bare operator name. */
  planned: optional(counts),
  /** Noise over signal that the roundings are foretold to add up to at the worst output, before measuring. */
  expectedNoise: optional(number),
})
export type PassRun = Infer<typeof passRun>

/** Greatest differences of any output between two models on the same inputs. */
export const equivalence = object({
  samples: integer,
  maxAbs: number,
  maxRel: number,
  /** Signal to quantization noise ratio of the worst output, in decibels; null where outputs are identical. */
  sqnrDb: nullable(number),
  /** How many of `samples` came from the user's data; the others were drawn at random. */
  realSamples: optional(integer),
  /** Where a recipe was applied to another model: whether the answers agree as those of a lossless pass must. */
  equal: optional(boolean),
})
export type Equivalence = Infer<typeof equivalence>

/** The report of `simplify`, of a recipe, and of any pass. */
export const rewrite = report('rewrite', {
  passes: list(passRun),
  before: modelSize,
  after: modelSize,
  /** null where the models were not run. */
  equivalence: nullable(equivalence),
  /** Of a recipe on the model that it was made for: every step gave the digest that the recipe has. */
  replayed: optional(boolean),
  warnings: optional(list(text)),
})
export type RewriteReport = Infer<typeof rewrite>
