import type { Augmentation, Dataset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import { modelDigest } from '../onnx/index.ts'
import { channelGroups, chooseChannels } from '../passes/index.ts'
import { makeFolder, sha256, UserError } from '../platform/index.ts'
import { canonicalJson, WHETSTONE_VERSION } from '../report/index.ts'
import type { EvidenceCache } from './evidence/evidence-cache.ts'
import { channelImportance } from './train/channel-importance.ts'
import { cutChannels, cutStudent } from './train/cut-student.ts'
import { type LearnOptions, learn, trainable } from './train/learn.ts'
import { learningGoal } from './train/learning-goal.ts'
import { learningRows, rowTypes } from './train/learning-proof.ts'
import { askTeacher, type TeacherAnswers } from './train/learning-rows.ts'
import { type TrainedTrail, trainedTrail } from './train/trained-trail.ts'
import { type TuneSettings, tuneStaticInt8 } from './tune.ts'

/** What is left of a model in its student: a share of its work, or of its resolution. */
export type StudentShape =
  | { readonly kind: 'pruned'; readonly macs: number }
  | { readonly kind: 'cut'; readonly width: number; readonly depth: number; readonly resolution: number }

export interface TrainStudentOptions {
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
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

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
  const evidence = { goal, answers, rows: train, seed, signal }
  const made =
    shape.kind === 'cut'
      ? await cutStudent(whole, data, { ...shape, importance: 'taylor' }, evidence)
      : await pruned(whole, data, shape.macs, evidence)
  const augment: readonly Augmentation[] = canBeMixed(teacher, data) ? ['mixup'] : []
  const about = { dataDigest: await data.digest(), rows: train.length }
  const checkpoint =
    cache.folder && checkpointIn(cache.folder, { ...about, seed, teacher: modelDigest(teacher), shape, seconds, most })
  if (cache.folder) makeFolder(cache.folder)
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
    checkpoint,
  }
  const learned = await goOn(checkpoint, (resume) => learn(made.trail.model, { ...learning, resume }))
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
  const checkpoint =
    cache.folder && checkpointIn(cache.folder, { ...about, seed, teacher: modelDigest(model), seconds, most })
  if (cache.folder) makeFolder(cache.folder)
  const { trail, tensors, learned } = await goOn(checkpoint, (resume) =>
    tuneStaticInt8(model, data, rows, {
      epochs: { seconds, most },
      seed,
      threads,
      signal,
      label,
      cache,
      ...placement,
      ...(checkpoint ? { checkpoint, resume } : {}),
      onProgress,
    }),
  )
  const epochs = learned.epochs.length
  return { trail, tensors, epochs, words: `tuned ${epochs} times over ${rows.train.length} rows` }
}

/** Goes on from the state that is there; a state of another run, or a damaged one, is left behind. */
async function goOn<T>(checkpoint: string | undefined, run: (resume: boolean) => Promise<T>): Promise<T> {
  if (!checkpoint) return run(false)
  try {
    return await run(true)
  } catch (error) {
    // Nothing there to go on from, or nothing that fits: whatever concerns the file itself.
    if (!(error instanceof UserError) || error.where !== checkpoint) throw error
    return run(false)
  }
}

const checkpointIn = (folder: string, what: Readonly<Record<string, unknown>>) => {
  const key = canonicalJson(JSON.parse(JSON.stringify({ ...what, whetstone: WHETSTONE_VERSION })))
  return `${folder}/${sha256(key).slice('sha256:'.length)}.bin`
}

async function pruned(
  whole: Awaited<ReturnType<typeof trainable>>,
  data: Dataset,
  macs: number,
  evidence: Parameters<typeof cutStudent>[3],
) {
  const channels = channelGroups(whole.model, rowTypes(whole.model, data))
  const importance = { data, ...evidence }
  const { scores, scale } =
    channels.groups.length > 0
      ? await channelImportance(whole.model, channels, 'taylor', importance)
      : { scores: new Map<string, Float64Array>(), scale: 'within' as const }
  const removal = channels.groups.length > 0 ? chooseChannels(channels, { macs, importance: scores, scale }) : null
  if (!removal)
    throw new UserError('unsupported', `the channels that can go do not bring the work down to ${macs}`, {
      where: `${channels.groups.length} groups of channels`,
      hint: 'whet distil --student FILE trains another model towards its answers',
    })
  const left = channels.groups.reduce(
    (sum, { id, channels: own }) => sum + own.length - (removal.get(id)?.size ?? 0),
    0,
  )
  const all = channels.groups.reduce((sum, { channels: own }) => sum + own.length, 0)
  return { trail: await cutChannels(whole, removal), recipe: `pruned to ${left} of ${all} channels` }
}

/** Rows of floats can be laid over each other, where nothing fixes their number at one. */
function canBeMixed(model: Model, data: Dataset): boolean {
  return model.graph.inputs.every(({ name, type }) => {
    if (model.graph.initializers.has(name) || !data.fields.some((field) => field.name === name)) return true
    return type?.kind === 'tensor' && type.dtype === 'float32' && type.shape?.[0] !== 1
  })
}
