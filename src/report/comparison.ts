import { gateResult } from './gate.ts'
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
  report,
  text,
} from './schema.ts'
import { verdict } from './verdict.ts'

/**
 * What a verdict rests on: `proven` on the rows; `close` where they cannot prove it and the outputs hardly differ; else
 * null.
 */
export const grade = oneOf('proven', 'close', null)
export type Grade = Infer<typeof grade>

const discordant = object({ baseOnly: integer, candidateOnly: integer })

/** Tango's score test and interval of candidate − base; `ci` two-sided 1−α, `lowerBound` one-sided 1−α. */
const nonInferiority = object({ margin: number, z: number, p: number, ci: pair(number), lowerBound: number })

/** The verdict on the rows of one group. `n` counts them; values are null where the group has no score. */
const slice = object({
  name: text,
  /** The field that it is of. */
  field: optional(text),
  n: integer,
  verdict,
  margin: number,
  base: nullable(number),
  candidate: nullable(number),
  discordant: nullable(discordant),
  lowerBound: nullable(number),
  upperBound: nullable(number),
  requiredN: nullable(integer),
  /** Whether the user declared the field; only declared slices decide. */
  declared: optional(boolean),
  /** Probability of such a loss where there is none beyond the margin, corrected (Holm) for the number of slices. */
  adjustedP: optional(number),
})
export type SliceResult = Infer<typeof slice>

/** A row whose answer changed, worst first: where only the baseline was right (`lost`). */
const flip = object({
  row: integer,
  base: text,
  candidate: text,
  label: optional(text),
  /** The row's own name in the data. */
  id: optional(text),
  /** `lost`: only the baseline was right; `gained`: only the candidate; `changed`: nobody can say. */
  direction: optional(oneOf('lost', 'gained', 'changed')),
  /** Share of its probability that each model put on its answer. */
  confidence: optional(object({ base: number, candidate: number })),
  /** Beginning of the row's text, where its input is one. */
  text: optional(text),
})
export type FlippedRow = Infer<typeof flip>

const flips = object({ count: integer, rate: number, upperBound: number })

/** Answers lost and gained, each with the one-sided 1−α bound on its rate. A net of zero can hide many of both. */
const flipRates = object({ negative: flips, positive: flips })
export type FlipRates = Infer<typeof flipRates>

/** Of all numbers of the labels: what one answer to every row is held against. */
const labelSpread = object({ mean: number, deviation: number })
export type LabelSpread = Infer<typeof labelSpread>

/** Candidate's share of wrong answers over the baseline's; null where the baseline makes no error. `ci` two-sided 1−α. */
const errorRatio = object({
  base: number,
  candidate: number,
  ratio: nullable(number),
  ci: nullable(pair(number)),
})
export type ErrorRatio = Infer<typeof errorRatio>

/** KL(base ‖ candidate) of the class probabilities of a row, in nats. */
const divergence = object({
  output: text,
  /** Whether the output holds probabilities, or logits whose softmax was taken. */
  from: oneOf('probabilities', 'logits'),
  mean: number,
  p99: number,
  max: number,
})

const reliability = object({ n: integer, confidence: nullable(number), accuracy: nullable(number) })

/** Is "90 % sure" right nine times in ten? 15 bins of equal width; `ece` is the mean gap, weighted by rows. */
const confidenceCheck = object({
  base: object({ ece: number }),
  candidate: object({ ece: number }),
  bins: list(object({ from: number, to: number, base: reliability, candidate: reliability })),
})
export type ConfidenceCheck = Infer<typeof confidenceCheck>

/** The rows that lost most: mean of the worst `share` of per-row loss rises (CVaR), with a two-sided 1−α interval. */
const tail = object({
  loss: text,
  share: number,
  rows: integer,
  /** Mean of the worst rises. */
  rise: number,
  ci: pair(number),
  /** CVaR of the loss itself, before and after. */
  base: number,
  candidate: number,
})

/** Largest difference of the metric between groups of a field, before and after; `ci` of the change, two-sided 1−α. */
const gap = object({
  field: text,
  groups: list(text),
  /** Groups with too few rows to take part. */
  leftOut: list(text),
  base: number,
  candidate: number,
  change: number,
  ci: pair(number),
  lowerBound: number,
  upperBound: number,
})
export type Gap = Infer<typeof gap>

/** Rows of one cluster count together. `designEffect` is how many times the variance exceeds that of independent rows. */
const clustering = object({
  field: text,
  clusters: integer,
  standardError: number,
  designEffect: nullable(number),
})

/** Slices that a search on one half of the rows found, tested on the other half, which the search never saw. */
const mined = object({
  seed: integer,
  discoveryRows: integer,
  testRows: integer,
  /** Slices that the search looked at. */
  searched: integer,
  slices: list(
    object({
      name: text,
      /** Rows of the testing half. */
      n: integer,
      verdict,
      base: number,
      candidate: number,
      delta: number,
      lowerBound: number,
      /** One-sided p-value of "the candidate is worse here", corrected (Holm) for the slices tested. */
      adjustedP: number,
    }),
  ),
})
export type MinedSlices = Infer<typeof mined>

/** What the candidate brings besides its answers. */
const gains = object({
  bytes: object({ base: integer, candidate: integer }),
  /** Median milliseconds of a run, and the paired ratio candidate / base with its interval; absent where not timed. */
  latency: optional(
    object({ baseMs: number, candidateMs: number, ratio: number, ci: pair(number), threads: integer, cpu: text }),
  ),
})
export type Gains = Infer<typeof gains>

/** Whether a candidate is as good as a base model on the same rows, within a margin. */
export const comparison = report('comparison', {
  verdict,
  grade,
  /** The verdict over all rows alone, where a declared slice that regressed made the verdict. */
  overall: optional(verdict),
  /** The verdict in one plain sentence. */
  sentence: text,
  metric: text,
  /** Whether higher is better; scores of errors are negated in `base` and `candidate` never. */
  higherIsBetter: boolean,
  labelled: boolean,
  n: integer,
  alpha: number,
  /** With the digest of the model, where the models were at hand: a verdict belongs to these two alone. */
  base: object({ value: nullable(number), digest: optional(text) }),
  candidate: object({ value: nullable(number), digest: optional(text) }),
  /** Rows that only one of the two answers right; null where scores are not right-or-wrong. */
  discordant: nullable(discordant),
  nonInferiority: nullable(nonInferiority),
  mcnemar: nullable(object({ exact: number, midP: number })),
  /** Rows that would settle an inconclusive verdict; null where it is settled, or no number would. */
  requiredN: nullable(integer),
  /** Share of rows whose top answer is the same in both models, with the one-sided upper bound on changed answers. */
  agreement: nullable(object({ rate: number, changed: integer, changedUpperBound: number })),
  /** Language models: at how many places the most likely next token is the same. */
  nextTokens: optional(object({ places: integer, agreeing: integer, rate: number })),
  /** Candidate significantly worse, yet within the margin. */
  measurablyWorse: boolean,
  /** The base is so near to the worst score that no candidate could lose the margin: inconclusive, whatever the rows. */
  nothingToLose: optional(boolean),
  outputs: list(
    object({
      name: text,
      /** Decibels of all rows together; null where identical. */
      sqnrDb: nullable(number),
      /** Decibels without rows of unusually large numbers, which may decide those of all: a tenth at most. */
      typicalDb: optional(number),
      /** So many rows of equal noise would make the sum as sure: few where some rows make most of the noise. */
      noiseRows: optional(number),
      /** Of outputs of [places, features] a row, as of tokens: decibels of the middle one of all places. */
      placesDb: optional(number),
      /** Of a list, as of what a detector found: the column, from 0, that its entries are in the order of. */
      orderedBy: optional(integer),
      maxAbs: number,
      /** One integer or text, which is the same or not: its decibels are of the rows over those where it changed. */
      answer: optional(boolean),
      /** Such an answer, beside scores that answer: counted where it changed, and never asked how near it is. */
      named: optional(boolean),
      /**
       * Of whole numbers, such as the class of each place of a picture, the share that is the same; decibels are then those
       * of all of them over those that changed.
       */
      equal: optional(number),
      /**
       * Of what a detector found, see docs/metrics.md: boxes that either model scores with at least 0.25, and those without
       * their like in the other's list; decibels are then of these.
       */
      boxes: optional(object({ compared: integer, changed: integer })),
    }),
  ),
  slices: list(slice),
  /** Some of the rows whose answer changed. */
  flips: optional(list(flip)),
  /** Rows that could not be used, and why. */
  skipped: optional(list(object({ row: text, reason: text }))),
  warnings: list(text),
  /** Rows in one run of a model. */
  batch: optional(integer),
  data: optional(object({ path: text, digest: text, rows: integer })),
  /** The models as they were named. */
  models: optional(object({ base: text, candidate: text })),
  margin: optional(number),
  /** The same in plain words, for people without statistics: one short paragraph an entry. */
  story: optional(list(text)),
  flipRates: optional(flipRates),
  errorRatio: optional(errorRatio),
  /** Where the metric is `mae`, `rmse` or `r2`. */
  labelSpread: optional(labelSpread),
  divergence: optional(divergence),
  confidence: optional(confidenceCheck),
  /** One entry a class of the labels; a class without rows is inconclusive. */
  classes: optional(list(slice)),
  /** "Every declared slice is within its margin": an intersection–union test, each slice at α without correction. */
  everySlice: optional(object({ holds: boolean, passing: integer, of: integer })),
  /** The slice that lost most; `lowerBound` holds for all slices at once, `adjustedP` is max-T over them. */
  worstSlice: optional(
    object({ name: text, n: integer, delta: number, lowerBound: number, adjustedP: number, of: integer }),
  ),
  tail: optional(tail),
  gaps: optional(list(gap)),
  cluster: optional(clustering),
  mined: optional(mined),
  gains: optional(gains),
  gate: optional(gateResult),
})
export type ComparisonReport = Infer<typeof comparison>
