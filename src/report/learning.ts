import { oldestRuntime } from './rewrite.ts'
import { type Infer, integer, list, nullable, number, object, oneOf, optional, record, report, text } from './schema.ts'
import { verdict } from './verdict.ts'

/** A model as it stands before or after learning, on the rows of the proof. */
const learnedModel = object({
  path: text,
  /** By which a store tells whether the report is about the model that it is pushed with. */
  digest: optional(text),
  parameters: integer,
  /** Multiply-accumulates of one row; null where a size is open. */
  macs: nullable(integer),
  bytes: integer,
  /** Median of a run of one row, the two models by turns; of a run that holds exactly several, its share; null where it was not timed. */
  p50Ms: nullable(number),
  /** On the rows of the proof; null where they have no labels. */
  metric: nullable(number),
  runtime: optional(oldestRuntime),
})
export type LearnedModel = Infer<typeof learnedModel>

/** One time over the rows. */
const learningEpoch = object({
  epoch: integer,
  /** Mean of the loss over its rows. */
  loss: number,
  /** Learning rate at its end. */
  rate: number,
  /** Of the averaged weights on rows kept aside; see `scoreName`. */
  score: nullable(number),
  batch: integer,
})
export type LearningEpoch = Infer<typeof learningEpoch>

const learningCost = object({
  /** Seconds of training, all runs of it together. */
  seconds: number,
  steps: integer,
  /** Rows answered by the trained model after which the time that it saves makes up for the training; null where it saves none that can be told. */
  breakEvenAnswers: nullable(integer),
  /** Seconds of one core that a million answers save. */
  savedSecondsPerMillion: nullable(number),
})

const common = {
  sentence: text,
  verdict,
  /** The sentence of the comparison. */
  proof: text,
  metric: text,
  margin: number,
  /** Rows of each part; no row is in two. */
  rows: object({ train: integer, select: integer, prove: integer }),
  epochs: list(learningEpoch),
  scoreName: text,
  /** Speed of the new model over the old, from interleaved runs; null where it was not timed. */
  speedup: nullable(number),
  cost: learningCost,
  seed: integer,
  data: object({ path: text, digest: text, rows: integer }),
  warnings: list(text),
}

/** A model that channels or weights were taken from, before and after, on rows that nothing has learned from. */
export const pruning = report('pruning', {
  ...common,
  before: learnedModel,
  after: learnedModel,
  /** What went: channels, or single weights, which became zero. */
  unit: oneOf('channels', 'weights'),
  /** Weights that stay of how many in a row, such as `2:4`. */
  pattern: optional(text),
  /** Share of the multiply-accumulates that was asked for; of weights, the share that becomes zero. */
  asked: number,
  importance: text,
  /** Channels that go together, or the weights of one tensor, with how many are left. */
  groups: list(object({ nodes: list(text), kept: integer, removed: integer })),
  /** Nodes that hold theirs in place. */
  held: list(object({ node: text, reason: text })),
})
export type PruningReport = Infer<typeof pruning>

/** A student and its teacher, on rows that nothing has learned from. */
export const distillation = report('distillation', {
  ...common,
  teacher: learnedModel,
  student: learnedModel,
  /** How the student was made: its file, or what was cut from the teacher. */
  recipe: text,
  /** How far rows were moved against the student before it learned from them, and in how many steps. */
  adversary: optional(object({ eps: number, steps: integer })),
  temperature: optional(number),
  /** Weight of each part of the loss. */
  loss: record(number),
  /** Bytes of the teacher's answers, computed once. */
  teacherBytes: integer,
})
export type DistillationReport = Infer<typeof distillation>

/** A model that learned to be an integer one. */
export const tuning = report('tuning', {
  ...common,
  scheme: oneOf('static-int8'),
  /** The model as it was given. */
  before: learnedModel,
  after: learnedModel,
  /** The same scheme without tuning, on the same rows. */
  plain: object({ metric: nullable(number), verdict }),
  /** Share of what the scheme loses that tuning gave back (answers kept, where there are no labels); null where it lost nothing. */
  gapClosed: nullable(number),
  /** Scales that were learned: of values and of weights. */
  scales: object({ values: integer, weights: integer }),
  temperature: optional(number),
  loss: record(number),
  teacherBytes: integer,
})
export type TuningReport = Infer<typeof tuning>
