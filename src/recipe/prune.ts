import type { Dataset } from '../data/index.ts'
import type { Model, NumericArray } from '../ir/index.ts'
import { channelGroups, chooseChannels, leastMacs, macsAfter } from '../passes/index.ts'
import { UserError } from '../platform/index.ts'
import type { PruningReport, Recipe } from '../report/index.ts'
import { channelImportance, type Importance } from './channel-importance.ts'
import { cutChannels } from './cut-student.ts'
import { type Learned, type LearnSettings, learn, trainable } from './learn.ts'
import { learningGoal } from './learning-goal.ts'
import {
  DEFAULT_MARGIN,
  learningCost,
  learningProof,
  learningRows,
  mustCheck,
  type ProofOptions,
  rowTypes,
} from './learning-proof.ts'
import { askTeacher } from './learning-rows.ts'
import { losslessSteps } from './simplify.ts'
import { advanceAll, recipeOf } from './trail.ts'
import { trainedTrail } from './trained-trail.ts'

export interface PruneOptions extends ProofOptions, Omit<LearnSettings, 'onProgress' | 'seed' | 'signal'> {
  /** Share of the multiply-accumulates that may be left, between 0 and 1. */
  readonly macs: number
  readonly importance?: Importance
  readonly checkpoint?: string | undefined
  readonly resume?: boolean | undefined
  /** What the report calls the two models. */
  readonly names?: readonly [before: string, after: string]
}

export interface Pruned {
  readonly model: Model
  readonly report: PruningReport
  readonly recipe: Recipe
  /** What the recipe refers to, by digest. */
  readonly tensors: ReadonlyMap<string, NumericArray>
}

/**
 * Removes the least important channels with all that depends on them until the multiply-accumulates are down to the
 * share asked for; what is left learns the answers of the whole model again for some epochs; then both are compared on
 * rows that nothing has learned from.
 *
 * @throws UserError where no channel can go, or not enough of them; and as `learn`.
 */
export async function prune(model: Model, data: Dataset, options: PruneOptions): Promise<Pruned> {
  const { macs, importance = 'taylor', seed = 0, epochs, onProgress, signal } = options
  const [beforeName, afterName] = options.names ?? ['before', 'after']
  if (!(macs > 0 && macs < 1))
    throw new UserError('bad-argument', `macs must lie between 0 and 1, got ${macs}`, {
      where: 'macs',
      hint: '0.5 removes half of the work',
    })
  const rows = learningRows(data, options)
  const whole = await trainable(model)
  const form = whole.model
  const channels = channelGroups(form, rowTypes(form, data))
  if (channels.groups.length === 0)
    throw new UserError('unsupported', 'no channel of this model can be removed', {
      where: channels.held.map(({ node, reason }) => `${node}: ${reason}`)[0] ?? form.graph.name,
      hint: 'whet distil --student FILE trains another model towards its answers',
    })
  const goal = learningGoal(form, form, data, options.label)
  const answers = await askTeacher(form, goal, data, [...rows.train, ...rows.select], options)
  onProgress?.('finding the least important channels')
  const { scores, scale } = await channelImportance(form, channels, importance, {
    ...{ data, rows: rows.train, goal, answers, seed, signal },
    ...(options.open ? { open: options.open } : {}),
  })
  const removal = chooseChannels(channels, { macs, importance: scores, scale })
  if (removal === null) {
    // Rounded up, so that what the hint names can be had.
    const least = Math.ceil(100 * leastMacs(channels, { importance: scores, scale })) / 100
    throw new UserError('unsupported', `channels alone do not bring the work down to ${macs} of what it was`, {
      where: `${channels.groups.length} groups of channels, an eighth of each stays`,
      hint:
        least < 1
          ? `--macs ${least} is the least; or distil a student with whet distil`
          : 'distil a student with whet distil',
    })
  }
  const cut = await cutChannels(whole, removal)
  let learned: Learned | null = null
  if (epochs !== 0) learned = await learn(cut.model, { ...options, teacher: form, goal, answers, data, rows })
  const dataDigest = await data.digest()
  const about = { dataDigest, rows: rows.train.length }
  const { trail, tensors } = learned
    ? await trainedTrail(cut, learned, about)
    : { trail: await advanceAll(cut, losslessSteps), tensors: new Map<string, NumericArray>() }
  const finished = trail.model
  const { comparison, sides, speedup } = await learningProof(
    [
      { path: beforeName, model },
      { path: afterName, model: mustCheck(finished) },
    ],
    rows,
    options,
  )
  const left = macsAfter(channels, removal) / macsAfter(channels, new Map())
  return {
    model: finished,
    recipe: recipeOf(trail),
    tensors,
    report: {
      kind: 'pruning',
      version: 1,
      sentence: `${Math.round(left * 100)} % of the work is left${speedup === null ? '' : `, ${speedup.toFixed(2)}× as fast`}.`,
      verdict: comparison.verdict,
      proof: comparison.sentence,
      metric: comparison.metric,
      margin: options.margin ?? DEFAULT_MARGIN,
      before: sides[0],
      after: sides[1],
      asked: macs,
      importance,
      groups: channels.groups.map(({ id, nodes, channels: own }) => {
        const removed = removal.get(id)?.size ?? 0
        return { nodes, kept: own.length - removed, removed }
      }),
      held: channels.held,
      rows: { train: rows.train.length, select: rows.select.length, prove: rows.prove.rows },
      epochs: learned?.epochs ?? [],
      scoreName: learned?.scoreName ?? 'score',
      speedup,
      cost: learningCost(learned, sides),
      seed,
      data: { path: data.path, digest: dataDigest, rows: data.rows },
      warnings: [
        ...data.notes,
        ...(learned?.notes ?? []),
        ...(learned ? [] : ['no epochs: the channels were removed and nothing has learned again']),
      ],
    },
  }
}
