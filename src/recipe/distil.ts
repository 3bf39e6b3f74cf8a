import type { Dataset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import { channelGroups, dropBlocks, halveGrid, narrowChannels, residualBlocks } from '../passes/index.ts'
import { UserError } from '../platform/index.ts'
import type { DistillationReport } from '../report/index.ts'
import { channelImportance, type Importance } from './channel-importance.ts'
import { DEFAULT_TEMPERATURE, type LearnOptions, type LearnSettings, learn, trainable } from './learn.ts'
import { type LearningGoal, learningGoal } from './learning-goal.ts'
import {
  DEFAULT_MARGIN,
  learningCost,
  learningProof,
  learningRows,
  mustCheck,
  type ProofOptions,
  rowTypes,
} from './learning-proof.ts'
import { askTeacher, type TeacherAnswers } from './learning-rows.ts'
import { cutChannels } from './prune.ts'
import { losslessTrail } from './simplify.ts'

export interface DistilOptions extends ProofOptions, Omit<LearnSettings, 'onProgress' | 'seed' | 'signal'> {
  /** A student of one's own; else one is cut from the teacher. */
  readonly student?: Model | undefined
  /** Share of the teacher's channels that the student keeps (0.5 where neither width nor depth is said, else 1). */
  readonly width?: number | undefined
  /** Share of the teacher's residual blocks that the student keeps (1). */
  readonly depth?: number | undefined
  /** Share of the resolution behind the first convolutions: 1, ½, ¼ … */
  readonly resolution?: number | undefined
  readonly importance?: Importance
  readonly checkpoint?: string | undefined
  readonly resume?: boolean | undefined
  readonly names?: readonly [teacher: string, student: string]
}

export interface Distilled {
  readonly model: Model
  readonly report: DistillationReport
}

/**
 * A smaller student that learns a teacher's answers: from soft class scores (Hinton et al. 2015, 1503.02531) or values,
 * and from labels where there are some; it works without. The student is cut from the teacher's own graph, keeping its
 * most important channels with their weights, or is a model of one's own. Both are then compared on rows that nothing
 * has learned from.
 *
 * @throws UserError where outputs do not match, nothing can be cut, or as `learn`.
 */
export async function distil(teacher: Model, data: Dataset, options: DistilOptions): Promise<Distilled> {
  const { seed = 0, onProgress, signal } = options
  const [teacherName, studentName] = options.names ?? ['teacher', 'student']
  const shares = sharesOf(options)
  const rows = learningRows(data, options)
  const form = await trainable(teacher)
  const given = options.student ? await trainable(options.student) : form
  const goal = learningGoal(form, given, data, options.label)
  const answers = await askTeacher(form, goal, data, [...rows.train, ...rows.select], options)
  onProgress?.(`the teacher's answers take ${answers.bytes} bytes`)
  const made = options.student
    ? { model: given, recipe: `${studentName}, with the weights that it has` }
    : await cutStudent(
        form,
        data,
        { ...shares, importance: options.importance ?? 'taylor' },
        {
          ...{ goal, answers, rows: rows.train, seed, signal },
          ...(options.open ? { open: options.open } : {}),
        },
      )
  const learnOptions: LearnOptions = { ...options, teacher: form, goal, answers, data, rows }
  const learned = await learn(made.model, learnOptions)
  const finished = mustCheck((await losslessTrail(learned.model)).model)
  const { comparison, sides, speedup } = await learningProof(
    [
      { path: teacherName, model: teacher },
      { path: studentName, model: finished },
    ],
    rows,
    options,
  )
  const smaller = sides[0].bytes / sides[1].bytes
  return {
    model: finished,
    report: {
      kind: 'distillation',
      version: 1,
      sentence: `The student is ${smaller.toFixed(1)}× smaller${speedup === null ? '' : ` and ${speedup.toFixed(2)}× as fast`}.`,
      verdict: comparison.verdict,
      proof: comparison.sentence,
      metric: comparison.metric,
      margin: options.margin ?? DEFAULT_MARGIN,
      teacher: sides[0],
      student: sides[1],
      recipe: made.recipe,
      temperature: options.temperature ?? DEFAULT_TEMPERATURE,
      loss: learned.lossWeights,
      teacherBytes: answers.bytes,
      rows: { train: rows.train.length, select: rows.select.length, prove: rows.prove.rows },
      epochs: learned.epochs,
      scoreName: learned.scoreName,
      speedup,
      cost: learningCost(learned, sides),
      seed,
      data: { path: data.path, digest: await data.digest(), rows: data.rows },
      warnings: [...data.notes, ...learned.notes],
    },
  }
}

interface Shares {
  readonly width: number
  readonly depth: number
  readonly resolution: number
}

function sharesOf({ student, width, depth, resolution }: DistilOptions): Shares {
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

/** The teacher with fewer blocks, on a coarser grid, then with fewer channels in each layer: the most important ones stay. */
async function cutStudent(
  form: Model,
  data: Dataset,
  { width, depth, resolution, importance }: Shares & { readonly importance: Importance },
  evidence: {
    readonly goal: LearningGoal
    readonly answers: TeacherAnswers
    readonly rows: readonly number[]
    readonly seed: number
    readonly signal: AbortSignal | undefined
    readonly open?: LearnSettings['open'] & {}
  },
): Promise<{ readonly model: Model; readonly recipe: string }> {
  const blocks = residualBlocks(form)
  const gone = Math.round(blocks.length * (1 - depth))
  // Spread evenly, the last of each run going: what follows a change of size is needed more.
  const dropped = blocks.filter(
    (_, i) => Math.floor(((i + 1) * gone) / blocks.length) > Math.floor((i * gone) / blocks.length),
  )
  if (depth < 1 && gone === 0)
    throw new UserError('unsupported', 'no block of this model can be left out', {
      where: `${blocks.length} residual blocks`,
      hint: 'cut its channels with --width 0.5, or give a student with --student FILE',
    })
  let shallow = dropped.length > 0 ? mustCheck(dropBlocks(form, dropped)) : form
  const words = [`${blocks.length - dropped.length} of ${blocks.length} residual blocks`]
  for (let share = resolution; share < 1; share *= 2) shallow = coarser(shallow, data)
  if (resolution < 1) words.push(`${resolution} of the resolution behind the first convolution`)
  if (width === 1) return { model: shallow, recipe: words.join(', ') }
  const channels = channelGroups(shallow, rowTypes(shallow, data))
  if (channels.groups.length === 0)
    throw new UserError('unsupported', 'no channel of this model can be removed', {
      where: channels.held.map(({ node, reason }) => `${node}: ${reason}`)[0] ?? form.graph.name,
      hint: 'give a student with --student FILE',
    })
  const { scores } = await channelImportance(shallow, channels, importance, { data, ...evidence })
  const removal = narrowChannels(channels, width, scores)
  const total = channels.groups.reduce((sum, { channels: own }) => sum + own.length, 0)
  const removed = [...removal.values()].reduce((sum, { size }) => sum + size, 0)
  words.push(`${total - removed} of ${total} channels, the most important by ${importance}`)
  return { model: await cutChannels(shallow, removal), recipe: words.join(', ') }
}

/** On half of the grid, where the outputs keep their sizes. */
function coarser(model: Model, data: Dataset): Model {
  const half = halveGrid(model)
  const sizes = (types: ReturnType<typeof rowTypes>) => model.graph.outputs.map(({ name }) => types.get(name))
  if (half && JSON.stringify(sizes(rowTypes(half, data))) === JSON.stringify(sizes(rowTypes(model, data))))
    return mustCheck(half)
  throw new UserError('unsupported', 'this model cannot work on a coarser grid', {
    where: half ? 'its outputs would change their sizes' : 'it has no convolution',
    hint: 'cut its channels with --width 0.5, or give a student with --student FILE',
  })
}
