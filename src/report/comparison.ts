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

export const verdict = oneOf('pass', 'regressed', 'inconclusive')
export type Verdict = Infer<typeof verdict>

export const grade = oneOf('proven', 'close', null)
export type Grade = Infer<typeof grade>

export const discordant = object({ baseOnly: integer, candidateOnly: integer })

/** Tango's score test and interval of candidate − base; `ci` two-sided 1−α, `lowerBound` one-sided 1−α. */
export const nonInferiority = object({ margin: number, z: number, p: number, ci: pair(number), lowerBound: number })

export const slice = object({
  name: text,
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
})
export type SliceResult = Infer<typeof slice>

/** A row whose answer changed, worst first: where only the baseline was right. */
export const flip = object({ row: integer, base: text, candidate: text, label: optional(text) })

export const comparison = report('comparison', {
  verdict,
  grade,
  /** The verdict in one plain sentence. */
  sentence: text,
  metric: text,
  /** Whether higher is better; scores of errors are negated in `base` and `candidate` never. */
  higherIsBetter: boolean,
  labelled: boolean,
  n: integer,
  alpha: number,
  base: object({ value: nullable(number) }),
  candidate: object({ value: nullable(number) }),
  /** Rows that only one of the two answers right; null where scores are not right-or-wrong. */
  discordant: nullable(discordant),
  nonInferiority: nullable(nonInferiority),
  mcnemar: nullable(object({ exact: number, midP: number })),
  /** Rows that would settle an inconclusive verdict; null where the verdict is settled. */
  requiredN: nullable(integer),
  /** Share of rows whose top answer is the same in both models, with the one-sided upper bound on changed answers. */
  agreement: nullable(object({ rate: number, changed: integer, changedUpperBound: number })),
  /** Candidate significantly worse, yet within the margin. */
  measurablyWorse: boolean,
  /** Decibels by output name; null where identical. */
  outputs: list(object({ name: text, sqnrDb: nullable(number), maxAbs: number })),
  slices: list(slice),
  /** Some of the rows whose answer changed. */
  flips: optional(list(flip)),
  /** Rows that could not be used, and why. */
  skipped: optional(list(object({ row: text, reason: text }))),
  warnings: list(text),
  /** Rows in one run of a model. */
  batch: optional(integer),
  data: optional(object({ path: text, digest: text, rows: integer })),
})
export type ComparisonReport = Infer<typeof comparison>
