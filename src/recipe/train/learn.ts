import { type Augmentation, checkAugmentations, type Dataset, heldRows } from '../../data/index.ts'
import { openIsolated, type PortValue, type Session } from '../../engine/index.ts'
import { requireOpenRows, rowsPerRun } from '../../evaluate/index.ts'
import type { Model, Tensor } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { withWeights } from '../../passes/index.ts'
import { sha256, UserError } from '../../platform/index.ts'
import { canonicalJson } from '../../report/index.ts'
import {
  type EpochResult,
  type Length,
  packWeights,
  readCheckpoint,
  type Trained,
  type TrainOptions,
  train,
  unpackWeights,
  writeCheckpoint,
} from '../../train/index.ts'
import { dynamicBatch } from '../dynamic-batch.ts'
import { float32Form } from '../float32-form.ts'
import { type LearningGoal, lossOf } from './learning-goal.ts'
import { learningBatches, type TeacherAnswers } from './learning-rows.ts'
import { learningStep, type StepOptions } from './learning-step.ts'
import { type LiveTeacher, openTeacher } from './live-teacher.ts'
import { type AdversaryChoice, movingRows } from './moving-rows.ts'
import { openRater } from './rater.ts'

/** What a user may say of a training. */
export interface LearnSettings {
  readonly epochs: Length
  /** Rows in a step (32). */
  readonly batch?: number | undefined
  /** The highest learning rate (3e-3). */
  readonly rate?: number | undefined
  readonly optimizer?: StepOptions['optimizer']
  /** Softness of the teacher's answers (4; Hinton et al. 2015, 1503.02531). */
  readonly temperature?: number | undefined
  /** Share of the teacher in the loss where labels exist (0.7). */
  readonly teacherShare?: number | undefined
  /** Epochs without a better score after which training ends; never by default. */
  readonly patience?: number | undefined
  /** How rows are changed each time they are seen (not at all); the teacher answers what the student sees. */
  readonly augment?: readonly Augmentation[] | undefined
  /** Rows are moved against the student, as it is at each step, and it learns the answers to them untouched (not at all). */
  readonly adversary?: AdversaryChoice | undefined
  readonly seed?: number | undefined
  readonly threads?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((line: string) => void) | undefined
  /** `scoreName` says what the score of an epoch is. */
  readonly onEpoch?: ((epoch: EpochResult, scoreName: string) => void) | undefined
  /** How a model is opened; in a process of its own by default. */
  readonly open?: ((model: Model) => Promise<Session>) | undefined
  /** File of the checkpoint; none is written by default. */
  readonly checkpoint?: string | undefined
  readonly resume?: boolean | undefined
}

/** The same with what is to be learned, from whom and on which rows. */
export interface LearnOptions extends LearnSettings, StepOptions {
  readonly teacher: Model
  readonly goal: LearningGoal
  readonly answers: TeacherAnswers
  readonly data: Dataset
  readonly rows: { readonly train: readonly number[]; readonly select: readonly number[] }
}

/** What a training gave: the model of its best epoch. */
export interface Learned extends Trained {
  readonly model: Model
  /** What changed, by initializer. */
  readonly learned: ReadonlyMap<string, Tensor>
  /** What the scores of its epochs are. */
  readonly scoreName: string
  /** Of each part of the loss, by its name, as the report shows it. */
  readonly lossWeights: Readonly<Record<string, number>>
  readonly notes: readonly string[]
}

/** Rows in a step and the highest learning rate, by default: what recovered a cut network best of those tried. */
const DEFAULT_BATCH = 32
const DEFAULT_RATE = 3e-3
/** Softness of the teacher's answers, and their share in the loss, by default. */
export const DEFAULT_TEMPERATURE = 4
const DEFAULT_TEACHER_SHARE = 0.7

/**
 * Trains a model towards its teacher's answers, and labels where there are some. Rows to select choose the epoch.
 *
 * @throws UserError where the model has no weights that can learn: an operator without a rule is named.
 */
export async function learn(given: Model, options: LearnOptions): Promise<Learned> {
  const { goal, answers, threads = 1, augment = [], seed = 0 } = options
  mustNotMixAndMove(augment, options.adversary)
  const open = options.open ?? ((model: Model) => openIsolated(model, { threads }))
  const weighing = {
    temperature: options.temperature ?? DEFAULT_TEMPERATURE,
    teacherShare: options.teacherShare ?? DEFAULT_TEACHER_SHARE,
  }
  const { model: student, reason: oneByOne } = await dynamicBatch(await float32Form(given), options.data, open)
  const { loss, weights: lossWeights } = lossOf(goal, { ...weighing, mixed: augment.includes('mixup') })
  const moving = options.adversary
    ? movingRows(student, goal, options.data, options.adversary, { ...weighing, seed })
    : null
  const { step, layouts, notes: kept } = learningStep(student, loss, moving, options)
  const notes = [...kept, ...notesOn(goal, oneByOne)]
  const { weights, statistics } = layouts

  const { train: trainRows, select: selectRows } = options.rows
  const fields = [...student.graph.inputs.map(({ name }) => name), ...(goal.label ? [goal.label.field] : [])]
  const data = await heldRows(options.data, [...trainRows, ...selectRows], fields)
  const rater = await openRater(student, layouts, { ...options, data, moving }, open)
  let teacher: LiveTeacher | null = null
  try {
    checkAugmentations(augment, fieldsOf(data, rater.inputs))
    teacher = await openTeacherOf(options, lossWeights, data, open)
    const withLabels = Object.hasOwn(lossWeights, 'labels')
    const withTeacher = heardOutputs(goal, lossWeights) || hinted(goal)
    const batches = { goal, answers, withLabels, withTeacher, seed, augment, teacher }
    const read = learningBatches(data, rater.inputs, batches)
    const run = await runDigest(given, options, lossWeights)
    // The plan of the rate counts the steps that there will be.
    requireOpenRows(rater.inputs, data)
    const batch = rowsPerRun([...rater.inputs, ...(teacher?.inputs ?? [])], data, options.batch ?? DEFAULT_BATCH)
    const trained = await train(step, {
      ...(await checkpoints(options, run)),
      epochs: options.epochs,
      rows: options.rows.train,
      read,
      start: { weights: packWeights(student, weights), statistics: packWeights(student, statistics) },
      open: () => open(step.model),
      run,
      batch,
      rate: options.rate ?? DEFAULT_RATE,
      seed,
      patience: options.patience,
      validate: (packed, moved) => rater.score(packed, moved),
      onStep: ({ step: done, of, loss: now }) => options.onProgress?.(`step ${done} of ${of}, loss ${now.toFixed(4)}`),
      onEpoch: (epoch) => options.onEpoch?.(epoch, rater.name),
      onNote: (note) => notes.push(note),
      signal: options.signal,
    })
    const learned = new Map([
      ...unpackWeights(trained.weights, weights),
      ...unpackWeights(trained.statistics, statistics),
    ])
    if (trained.bestEpoch === trained.planned - 1 && trained.planned > 1)
      notes.push('the last epoch was the best: more epochs may give more')
    return { ...trained, model: withWeights(given, learned), learned, scoreName: rater.name, lossWeights, notes }
  } finally {
    await teacher?.close()
    await rater.close()
  }
}

/**
 * The teacher itself, where its answers kept from before do not do: it answers to rows as they are changed, and it gives
 * hints of what is inside it. Null where it is not needed.
 */
async function openTeacherOf(
  { teacher, goal, augment = [], data }: LearnOptions,
  lossWeights: Learned['lossWeights'],
  held: Dataset,
  open: (model: Model) => Promise<Session>,
): Promise<LiveTeacher | null> {
  const answers = heardOutputs(goal, lossWeights)
  if (!(answers && augment.length > 0) && !hinted(goal)) return null
  const { model } = await dynamicBatch(await float32Form(teacher), data, open)
  return openTeacher(model, answers ? goal : { ...goal, outputs: [] }, held, open)
}

/** Whether the loss hears what the teacher answers. */
const heardOutputs = (goal: LearningGoal, lossWeights: Learned['lossWeights']): boolean =>
  goal.outputs.some(({ output }) => `teacher's ${output}` in lossWeights)

/** Whether the student is to resemble the teacher inside. */
const hinted = ({ hints = [] }: LearningGoal): boolean => hints.length > 0

/** Where the run of this digest is saved, and what it goes on from: nothing without a checkpoint. */
async function checkpoints(
  { checkpoint, resume }: LearnOptions,
  run: string,
): Promise<Pick<TrainOptions, 'keep' | 'resume'>> {
  if (!checkpoint) return {}
  return {
    keep: (state) => writeCheckpoint(checkpoint, state),
    resume: resume ? await readCheckpoint(checkpoint, run) : undefined,
  }
}

/** What a user should know of it before the first step. */
function notesOn(goal: LearningGoal, oneByOne: string | null): readonly string[] {
  return [
    ...(oneByOne ? [`a step takes one row, whatever --batch says: ${oneByOne}`] : []),
    ...(goal.unlearned === undefined
      ? []
      : [
          `"${goal.unlearned}" is not learned, only the model's own answers are: labels teach where they are class numbers of an output of class scores, [rows, classes]`,
        ]),
  ]
}

/** The inputs that rows of the data fill. */
function fieldsOf({ fields }: Dataset, inputs: readonly PortValue[]) {
  return inputs.flatMap(({ name, dtype }) => {
    const field = fields.find((candidate) => candidate.name === name)
    return field ? [{ name, dtype, rowShape: field.rowShape }] : []
  })
}

/** Rows are laid over each other or moved by an adversary, not both. */
function mustNotMixAndMove(augment: readonly Augmentation[], adversary: AdversaryChoice | undefined): void {
  if (adversary && augment.includes('mixup'))
    throw new UserError('bad-argument', 'rows that are laid over each other are not moved by an adversary as well', {
      where: 'mixup and adversary',
      hint: 'leave out one of the two',
    })
}

/** The settings that decide which steps a run takes. */
const DECIDING = [
  'epochs',
  'batch',
  'rate',
  'optimizer',
  'seed',
  'temperature',
  'teacherShare',
  'augment',
  'adversary',
] as const satisfies readonly (keyof LearnOptions)[]

/** What a run is: two runs with the same digest take the same steps. */
async function runDigest(
  student: Model,
  options: LearnOptions,
  lossWeights: Readonly<Record<string, number>>,
): Promise<string> {
  const { train, select } = options.rows
  const what = {
    ...Object.fromEntries(DECIDING.map((name) => [name, options[name]])),
    // Alone: whoever gives them may have rows to prove on beside them, with constants that are whole numbers of 64 bits.
    rows: { train, select },
    student: modelDigest(student),
    teacher: options.answers.digest,
    data: await options.data.digest(),
    lossWeights,
  }
  return sha256(canonicalJson(what))
}
