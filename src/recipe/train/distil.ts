import type { Dataset } from '../../data/index.ts'
import type { PortValue } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import type { Model, Tensor } from '../../ir/index.ts'
import { withWeights } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { DistillationReport } from '../../report/index.ts'
import { freshWeights } from '../../train/index.ts'
import { storedAsIn } from '../float32-form.ts'
import { recipeOf, type Trail } from '../trail.ts'
import type { Importance } from './channel-importance.ts'
import { cutStudent, type Shares } from './cut-student.ts'
import { type HintOptions, withHints } from './hints.ts'
import { DEFAULT_TEMPERATURE, type Learned, type LearnOptions, type LearnSettings, learn } from './learn.ts'
import { type LearningGoal, learningGoal } from './learning-goal.ts'
import { learningProof } from './learning-proof.ts'
import { askTeacher, readRows } from './learning-rows.ts'
import { ADVERSARY_STEPS } from './moving-rows.ts'
import { mustCheck } from './must-check.ts'
import { mustBeProvable, type ProofOptions, rowsToProve } from './proof-rows.ts'
import { sizeAndSpeed, toldOfLearning, toldOfProof, toldOfRows } from './told-of-learning.ts'
import { trainable } from './trainable.ts'
import { type TrainingResult, trainedTrail } from './trained-trail.ts'

export interface DistilOptions extends ProofOptions, HintOptions, LearnSettings {
  /** A student of one's own; else one is cut from the teacher. */
  readonly student?: Model | undefined
  /** Whether the weights of that student are drawn anew, by seed and fan-in, before it learns (false). */
  readonly freshWeights?: boolean | undefined
  /** Share of the teacher's channels that the student keeps (0.5 where neither width nor depth is said, else 1). */
  readonly width?: number | undefined
  /** Share of the teacher's residual blocks that the student keeps (1). */
  readonly depth?: number | undefined
  /** Share of the resolution behind the first convolutions: 1, ½, ¼ … */
  readonly resolution?: number | undefined
  readonly importance?: Importance
  readonly names?: readonly [teacher: string, student: string]
}

/**
 * A smaller student that learns a teacher's answers: from soft class scores (Hinton et al. 2015, 1503.02531) or values,
 * and from labels where there are some; it works without. The student is cut from the teacher's own graph, keeping its
 * most important channels with their weights, or is a model of one's own. Both are then compared on rows that nothing
 * has learned from.
 *
 * @throws UserError where outputs do not match, nothing can be cut, or as `learn`.
 */
export async function distil(
  teacher: Model,
  data: Dataset,
  options: DistilOptions,
): Promise<TrainingResult<DistillationReport>> {
  const { seed = 0, signal } = options
  const [teacherName, studentName] = options.names ?? ['teacher', 'student']
  const shares = sharesOf(options)
  const rows = await rowsToProve(data, options)
  const whole = await trainable(teacher)
  const form = whole.model
  const given = options.student ? await trainable(options.student) : whole
  const goal = await learningGoal(form, given.model, data, options.label)
  if (options.student) await mustTakeRows(given.model, data)
  await mustBeProvable(teacher, rows, options)
  const answers = await askTeacher(form, goal, data, [...rows.train, ...rows.select], options)
  const cut = { ...shares, importance: options.importance ?? 'taylor' }
  const made: Student = options.student
    ? ownStudent(given, options)
    : await cutStudent(whole, cut, { data, goal, answers, rows: rows.train, seed, signal, open: options.open })
  const start = withWeights(made.trail.model, made.drawn ?? new Map())
  const learned = await learnWithHints({ teacher: form, student: start }, goal, data, { ...options, answers, rows })
  const dataDigest = await data.digest()
  const about = { dataDigest, rows: rows.train.length }
  // What was drawn and could not learn is part of the student as well.
  const weights = new Map([...(made.drawn ?? []), ...learned.learned])
  const { trail: trained, tensors } = await trainedTrail(made.trail, { learned: weights }, about)
  const trail = await storedAsIn(options.student ?? teacher, trained)
  const finished = mustCheck(trail.model, given.model)
  const proof = await learningProof(
    [
      { path: teacherName, model: teacher },
      { path: studentName, model: finished },
    ],
    rows,
    options,
  )
  const { sides } = proof
  return {
    model: finished,
    recipe: recipeOf(trail),
    tensors,
    report: {
      kind: 'distillation',
      version: 1,
      sentence: `The student’s ${sizeAndSpeed(proof)}.`,
      ...toldOfProof(proof, options),
      teacher: sides[0],
      student: sides[1],
      recipe: made.recipe,
      ...(options.adversary
        ? { adversary: { eps: options.adversary.eps, steps: options.adversary.steps ?? ADVERSARY_STEPS } }
        : {}),
      temperature: options.temperature ?? DEFAULT_TEMPERATURE,
      loss: learned.lossWeights,
      teacherBytes: answers.bytes,
      ...toldOfLearning(learned, proof, rows, { path: data.path, digest: dataDigest, rows: data.rows }, options),
      warnings: [...toldOfRows(data, rows, proof), ...learned.notes],
    },
  }
}

/** Where a student comes from. */
interface Student {
  readonly trail: Trail
  readonly recipe: string
  /** Weights that it starts with, where those are not its own. */
  readonly drawn?: ReadonlyMap<string, Tensor>
}

function ownStudent(trail: Trail, { freshWeights: fresh = false, seed = 0 }: DistilOptions): Student {
  return fresh
    ? {
        trail,
        recipe: `a model of its own, its weights drawn anew by seed ${seed}`,
        drawn: freshWeights(trail.model, seed),
      }
    : { trail, recipe: 'a model of its own, with the weights that it had' }
}

/** A student that does not fit the rows is found out on one of them, before the teacher has answered all. */
async function mustTakeRows(student: Model, data: Dataset): Promise<void> {
  const inputs = student.graph.inputs.flatMap(({ name, type }): readonly PortValue[] =>
    student.graph.initializers.has(name) || type?.kind !== 'tensor'
      ? []
      : [{ name, dtype: type.dtype, shape: type.shape ?? null }],
  )
  for await (const part of readRows(data, inputs, [0], 1))
    try {
      feedsOf(part, inputs, data)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      throw new UserError(error.code, `the student does not take the rows: ${error.message}`, {
        ...(error.where === undefined ? {} : { where: error.where }),
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        cause: error,
      })
    }
}

/** What was learned of the student itself: what only the comparison with the teacher had is left behind. */
async function learnWithHints(
  models: { readonly teacher: Model; readonly student: Model },
  goal: LearningGoal,
  data: Dataset,
  options: DistilOptions & Pick<LearnOptions, 'answers' | 'rows'>,
): Promise<Learned> {
  const evidence = { rows: options.rows.train, seed: options.seed ?? 0, open: options.open }
  const { teacher, student, hints, projections } = await withHints(models, data, options, evidence)
  const learned = await learn(student, { ...options, teacher, data, goal: { ...goal, hints } })
  const own = [...learned.learned].filter(([name]) => !projections.includes(name))
  return { ...learned, learned: new Map(own) }
}

function sharesOf({ student, freshWeights: fresh, width, depth, resolution }: DistilOptions): Shares {
  if (fresh && !student)
    throw new UserError('bad-argument', 'a student that is cut from the teacher keeps its weights', {
      where: 'freshWeights',
      hint: 'fresh weights are for a student of your own: --student FILE --fresh-weights',
    })
  const any = [width, depth, resolution].some((share) => share !== undefined)
  if (student && any)
    throw new UserError('bad-argument', 'a student of your own is taken as it is: no width, depth or resolution', {
      where: 'command line',
      hint: 'leave out --student to cut one from the teacher',
    })
  for (const [name, share] of Object.entries({ width, depth }))
    if (share !== undefined && !(share > 0 && share <= 1))
      throw new UserError('bad-argument', `${name} must lie between 0 and 1, got ${share}`, {
        where: name,
        hint: '0.5 keeps half',
      })
  if (resolution !== undefined && !(resolution > 0 && Number.isInteger(Math.log2(1 / resolution))))
    throw new UserError('bad-argument', `resolution must be 1, 0.5, 0.25 …, got ${resolution}`, {
      where: 'resolution',
      hint: '0.5 leaves a quarter of the places of a picture',
    })
  return { width: width ?? (any ? 1 : 0.5), depth: depth ?? 1, resolution: resolution ?? 1 }
}
