import {
  boolean,
  type Infer,
  integer,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  pair,
  record,
  report,
  text,
} from './schema.ts'
import { verdict } from './verdict.ts'

/** A difference to the first model on the same rows, in units of the metric, with its two-sided 1−α interval. */
const robustnessChange = object({
  /** Above 0 is better than the first model, whatever the metric. */
  delta: number,
  ci: pair(number),
  verdict: optional(verdict),
})
export type RobustnessChange = Infer<typeof robustnessChange>

const robustnessModel = object({
  path: text,
  digest: text,
  /** The metric on the rows as they are. */
  clean: nullable(number),
  /** Mean of the metric over all corruptions and severities. */
  corrupted: nullable(number),
  /** Of `corrupted`; null for the first model, and where the metric is no mean of rows. */
  change: nullable(robustnessChange),
  /** Mean corruption error relative to the first model (1 for itself), with the bootstrap interval over rows. */
  mce: nullable(object({ value: number, ci: nullable(pair(number)) })),
  /** The same of the errors that the corruptions add to the clean error. */
  relativeMce: nullable(number),
  /** Share of rows that this model answers otherwise than the first: as they are, and over all corrupted ones. */
  churn: nullable(object({ clean: nullable(number), corrupted: nullable(number) })),
})

const corruptionCell = object({
  severity: integer,
  /** The metric by model. */
  values: list(nullable(number)),
  /** By model; null for the first. */
  changes: list(nullable(robustnessChange)),
})

const corruptionRow = object({
  name: text,
  group: text,
  /** Σ of the errors over severities divided by the first model's, by model. */
  corruptionErrors: list(nullable(number)),
  cells: list(corruptionCell),
})

const reliabilityBin = object({
  from: number,
  to: number,
  n: integer,
  confidence: nullable(number),
  accuracy: nullable(number),
})

/** How much the probabilities of one model mean. */
const calibrationOf = object({
  n: integer,
  /** 15 bins of equal width (lo, hi]. */
  ece: number,
  /** 15 bins of equal mass. */
  eceEqualMass: number,
  /** Σ over classes of the squared error, mean over rows: 0 to 2. */
  brier: number,
  nll: number,
  /** The temperature that makes the NLL least, with the NLL and ECE there. */
  temperature: number,
  nllAtTemperature: number,
  eceAtTemperature: number,
  bins: list(reliabilityBin),
  /** To the first model, paired; null for itself. Above 0 is better. */
  changes: nullable(object({ brier: robustnessChange, nll: robustnessChange })),
})
export type CalibrationOf = Infer<typeof calibrationOf>

const detectorScore = object({
  auroc: number,
  /** Average precision, out-of-distribution rows being the positives. */
  auprOut: number,
  /** Share of in-distribution rows flagged at the threshold that finds 95 % of the others (OpenOOD's convention). */
  fpr95OodPositive: number,
  /** Share of out-of-distribution rows let through at the threshold that keeps 95 % of the in-distribution ones. */
  fpr95IdPositive: number,
})

const detector = object({
  name: text,
  /** By model; null where it cannot be had. */
  models: list(nullable(detectorScore)),
  /** AUROC minus the first model's, by DeLong's paired test; null for the first. */
  changes: list(nullable(object({ delta: number, ci: pair(number), p: number }))),
})

const outOfDistribution = object({
  path: text,
  digest: text,
  inRows: integer,
  outRows: integer,
  /** In-distribution rows that only fitted the detectors. */
  fitRows: integer,
  /** By model: where the logits and the features were read. */
  readFrom: list(object({ logits: text, features: text })),
  detectors: list(detector),
})

const nudgeRow = object({
  name: text,
  /** Share of answers that changed, by model. */
  changed: list(number),
  /** Above 0: fewer answers changed than the first model's. */
  changes: list(nullable(robustnessChange)),
})

/** What the rows are taken for. */
const modality = oneOf('images', 'audio', 'text', 'table')

/** What rows are of, in a sentence: `rows of images`, but `rows of a table`. */
export const rowsKind = (kind: Infer<typeof modality>): string => (kind === 'table' ? 'a table' : kind)

/** How models stand what happens to inputs in the world; the first model is what the others are compared with. */
export const robustness = report('robustness', {
  /** The finding in one plain sentence. */
  sentence: text,
  metric: text,
  higherIsBetter: boolean,
  /** Without labels, a row is right where the answer is the model's own to the row as it is. */
  labelled: boolean,
  n: integer,
  alpha: number,
  margin: number,
  seed: integer,
  modality,
  severities: list(integer),
  models: list(robustnessModel),
  corruptions: list(corruptionRow),
  calibration: nullable(list(calibrationOf)),
  outOfDistribution: nullable(outOfDistribution),
  brittleness: nullable(list(nudgeRow)),
  /** Why a part is missing, by its name. */
  missing: record(text),
  warnings: list(text),
  data: object({ path: text, digest: text, rows: integer }),
})
export type RobustnessReport = Infer<typeof robustness>

/** Scores and answers of some rows by several models: kept evidence, so that a long run can be resumed. */
export const rowScores = report('row-scores', {
  metric: nullable(object({ name: text, higherIsBetter: boolean })),
  rows: list(integer),
  models: list(
    object({
      /** Null where the outputs hold no answer. */
      scores: list(nullable(number)),
      /** What the aggregate needs of a row; null where that is the score. */
      summaries: nullable(list(list(nullable(number)))),
      /** The places of the rows that each one's score rests on, and that of the one it needs; null where rows need none. */
      company: nullable(list(object({ near: list(integer), only: nullable(integer) }))),
      answers: nullable(list(text)),
    }),
  ),
})
export type RowScores = Infer<typeof rowScores>
