import type { Augmentation, Dataset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import { modelDigest } from '../onnx/index.ts'
import { makeFolder, sha256, UserError } from '../platform/index.ts'
import { canonicalJson, WHETSTONE_VERSION } from '../report/index.ts'
import type { EvidenceCache } from './evidence/evidence-cache.ts'
import type { Watched } from './meter.ts'
import { cutLeastImportant } from './prune/removed-channels.ts'
import type { Trail } from './trail.ts'
import { channelsLeft, cutStudent } from './train/cut-student.ts'
import type { ImportanceOptions } from './train/importance-gradients.ts'
import { type LearnOptions, learn } from './train/learn.ts'
import { learningGoal } from './train/learning-goal.ts'
import { askTeacher, type TeacherAnswers } from './train/learning-rows.ts'
import { learningRows } from './train/proof-rows.ts'
import { trainable } from './train/trainable.ts'
import { type TrainedTrail, trainedTrail } from './train/trained-trail.ts'
import { type TuneSettings, tuneStaticInt8 } from './tuned-trail.ts'

/** What is left of a model in its student: a share of its work, or of its resolution. */
export type StudentShape =
  | { readonly kind: 'pruned'; readonly macs: number }
  | { readonly kind: 'cut'; readonly width: number; readonly depth: number; readonly resolution: number }

/** What a search allows a student, and what it keeps for the next one. */
export interface TrainStudentOptions extends Watched {
  /** Seconds that training may take; how many epochs that is, is kept with the state. */
  readonly seconds: number
  /** The most epochs (300; 30 where a whole model is tuned). */
  readonly most?: number
  readonly seed: number
  readonly threads: number
  readonly label?: string | undefined
  readonly cache: EvidenceCache
  /** What the model answered to these rows, by its digest: several students of it ask once. */
  readonly asked?: Map<string, TeacherAnswers>
}

/** A student of the search, with the steps that make it. */
export interface Trained extends TrainedTrail {
  /** What was done, as a person reads it. */
  readonly words: string
  readonly epochs: number
}

const MOST_EPOCHS = 300
/** Weights that are nearly right need no more. */
const MOST_TUNING = 30

/**
 * A smaller student of a model, trained towards its answers on rows of `data`, as far as the seconds go. With a cache
 * that has a folder the state is kept there: the same call goes on with it after an interruption, and finished training
 * is not done twice.
 *
 * @throws UserError as `cutStudent` and `learn`.
 */
export async function trainStudent(
  teacher: Model,
  data: Dataset,
  shape: StudentShape,
  options: TrainStudentOptions,
): Promise<Trained> {
  const { seed, threads, signal, onProgress, cache, seconds, most = MOST_EPOCHS } = options
  // Rows to prove on belong to the search: nothing of this set is kept back for that.
  const { train, select } = learningRows(data, { proof: data, seed })
  const whole = await trainable(teacher)
  const goal = await learningGoal(whole.model, whole.model, data, options.label)
  const shared = { seed, signal, onProgress }
  const digest = modelDigest(whole.model)
  const answers =
    options.asked?.get(digest) ?? (await askTeacher(whole.model, goal, data, [...train, ...select], shared))
  options.asked?.set(digest, answers)
  const evidence = { data, goal, answers, rows: train, seed, signal }
  const made =
    shape.kind === 'cut'
      ? await cutStudent(whole, { ...shape, importance: 'taylor' }, evidence)
      : await pruned(whole, shape.macs, evidence)
  const augment: readonly Augmentation[] = canBeMixed(teacher, data) ? ['mixup'] : []
  const about = { dataDigest: await data.digest(), rows: train.length }
  const learning: LearnOptions = {
    teacher: whole.model,
    goal,
    answers,
    data,
    rows: { train, select },
    augment,
    ...shared,
    threads,
    epochs: { seconds, most },
    // Answers to mixed rows say more than labels of single ones.
    teacherShare: 1,
  }
  const what = { ...about, seed, teacher: modelDigest(teacher), shape, seconds, most }
  const learned = await goOn(cache.folder, what, (state) => learn(made.trail.model, { ...learning, ...state }))
  const trained = await trainedTrail(made.trail, learned, about)
  const epochs = learned.epochs.length
  return { ...trained, epochs, words: `${made.recipe}; trained ${epochs} times over ${train.length} rows` }
}

/**
 * A model tuned to be a static int8 one with these options of the pass, as far as the seconds go; its state is kept and
 * found as a student's is.
 *
 * @throws UserError as `tuneStaticInt8`.
 */
export async function trainIntegers(
  model: Model,
  data: Dataset,
  placement: Pick<TuneSettings, 'pass' | 'costs'>,
  options: TrainStudentOptions,
): Promise<Trained> {
  const { seed, threads, signal, onProgress, cache, seconds, most = MOST_TUNING, label } = options
  const rows = learningRows(data, { proof: data, seed })
  const about = { dataDigest: await data.digest(), rows: rows.train.length, ...placement }
  const what = { ...about, seed, teacher: modelDigest(model), seconds, most }
  const { trail, tensors, learned } = await goOn(cache.folder, what, (state) =>
    tuneStaticInt8(model, data, rows, {
      epochs: { seconds, most },
      seed,
      threads,
      signal,
      label,
      cache,
      ...placement,
      ...state,
      onProgress,
    }),
  )
  const epochs = learned.epochs.length
  return { trail, tensors, epochs, words: `tuned ${epochs} times over ${rows.train.length} rows` }
}

/**
 * Goes on from the state in `folder` of a run that `what` decides; a state of another run, or a damaged one, is left
 * behind. Without a folder nothing is kept.
 */
async function goOn<T>(
  folder: string | undefined,
  what: Readonly<Record<string, unknown>>,
  run: (state: Pick<LearnOptions, 'checkpoint' | 'resume'>) => Promise<T>,
): Promise<T> {
  if (!folder) return run({})
  makeFolder(folder)
  const name = sha256(canonicalJson({ ...what, whetstone: WHETSTONE_VERSION })).slice('sha256:'.length)
  const checkpoint = `${folder}/${name}.bin`
  try {
    return await run({ checkpoint, resume: true })
  } catch (error) {
    // Nothing there to go on from, or nothing that fits: whatever concerns the file itself.
    if (!(error instanceof UserError) || error.where !== checkpoint) throw error
    return run({ checkpoint, resume: false })
  }
}

/** The model with this share of its work left. */
async function pruned(whole: Trail, macs: number, evidence: ImportanceOptions) {
  const aim = { macs, importance: 'taylor' } as const
  const { channels, removal, cut } = await cutLeastImportant(whole, evidence.data, aim, async () => evidence)
  return { trail: cut, recipe: `pruned to ${channelsLeft(channels, removal)}` }
}

/** Rows of floats can be laid over each other, where nothing fixes their number at one. */
function canBeMixed(model: Model, data: Dataset): boolean {
  return model.graph.inputs.every(({ name, type }) => {
    if (model.graph.initializers.has(name) || !data.fields.some((field) => field.name === name)) return true
    return type?.kind === 'tensor' && type.dtype === 'float32' && type.shape?.[0] !== 1
  })
}
