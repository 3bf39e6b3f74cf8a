import type { Dataset } from '../../data/index.ts'
import type { Model } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import type { PruningReport } from '../../report/index.ts'
import { storedAsIn } from '../float32-form.ts'
import { recipeOf, type Trail } from '../trail.ts'
import type { Importance } from '../train/channel-importance.ts'
import type { ImportanceOptions } from '../train/importance-gradients.ts'
import { type LearnSettings, learn } from '../train/learn.ts'
import { learningGoal } from '../train/learning-goal.ts'
import { learningProof } from '../train/learning-proof.ts'
import { askTeacher } from '../train/learning-rows.ts'
import { mustCheck } from '../train/must-check.ts'
import { mustBeProvable, type ProofOptions, rowsToProve } from '../train/proof-rows.ts'
import { toldOfLearning, toldOfProof, toldOfRows } from '../train/told-of-learning.ts'
import { trainable } from '../train/trainable.ts'
import type { TrainingResult } from '../train/trained-trail.ts'
import type { Pruning } from './pruning.ts'
import { removedChannels } from './removed-channels.ts'
import { patternOf, zeroedWeights } from './zeroed-weights.ts'

export interface PruneOptions extends ProofOptions, LearnSettings {
  /** Share of the multiply-accumulates that may be left, between 0 and 1: channels go. One of the three is given. */
  readonly macs?: number | undefined
  /** Share of the weights that become zero, between 0 and 1. */
  readonly sparsity?: number | undefined
  /** `2:4`: of every four weights in a row along the axis that a product sums over, two become zero. */
  readonly pattern?: string | undefined
  readonly importance?: Importance
  /** What the report calls the two models. */
  readonly names?: readonly [before: string, after: string]
}

/**
 * Removes what matters least: channels with all that depends on them, or single weights, which become zero. What is
 * left learns the answers of the whole model again for some epochs; then both are compared on rows that nothing has
 * learned from.
 *
 * @throws UserError where nothing can go, or not enough of it; and as `learn`.
 */
export async function prune(
  model: Model,
  data: Dataset,
  options: PruneOptions,
): Promise<TrainingResult<PruningReport>> {
  const { importance = 'taylor', epochs } = options
  mustAsk(options)
  const rows = await rowsToProve(data, options)
  await mustBeProvable(model, rows, options)
  const whole = await trainable(model)
  const form = whole.model
  const goal = await learningGoal(form, form, data, options.label)
  let asked: ReturnType<typeof askTeacher> | undefined
  const teacher = () => (asked ??= askTeacher(form, goal, data, [...rows.train, ...rows.select], options))
  const pruning = await pruningOf(whole, data, { ...options, importance }, async () => {
    const { seed = 0, onProgress, signal, open } = options
    const answers = await teacher()
    onProgress?.('finding what matters least')
    return { data, rows: rows.train, goal, answers, seed, signal, open }
  })
  const { student, wrt } = pruning
  const learned =
    epochs === 0
      ? null
      : await learn(student, { ...options, teacher: form, goal, answers: await teacher(), data, rows, wrt })
  const dataDigest = await data.digest()
  const { trail: made, tensors, parameters } = await pruning.finish(learned, { dataDigest, rows: rows.train.length })
  const trail = await storedAsIn(model, made)
  const [beforeName, afterName] = options.names ?? ['before', 'after']
  const proof = await learningProof(
    [
      { path: beforeName, model },
      { path: afterName, model: mustCheck(trail.model, form) },
    ],
    rows,
    options,
  )
  const { speedup } = proof
  const [before, stored] = proof.sides
  const after = parameters === undefined ? stored : { ...stored, parameters }
  return {
    model: trail.model,
    recipe: recipeOf(trail),
    tensors,
    report: {
      kind: 'pruning',
      version: 1,
      sentence: pruning.sentence(before, after, speedup === null ? null : `${speedup.toFixed(2)}× as fast`),
      ...toldOfProof(proof, options),
      before,
      after,
      unit: pruning.unit,
      ...(pruning.pattern ? { pattern: pruning.pattern } : {}),
      asked: pruning.asked,
      importance,
      groups: pruning.groups,
      held: pruning.held,
      ...toldOfLearning(learned, proof, rows, { path: data.path, digest: dataDigest, rows: data.rows }, options),
      warnings: [...toldOfRows(data, rows, proof), ...(learned?.notes ?? []), ...(learned ? [] : [pruning.unlearned])],
    },
  }
}

/** What goes by the aim that was given. */
function pruningOf(
  whole: Trail,
  data: Dataset,
  { macs, sparsity = 0.5, pattern, importance }: PruneOptions & { readonly importance: Importance },
  evidence: () => Promise<ImportanceOptions>,
): Promise<Pruning> {
  return macs === undefined
    ? zeroedWeights(whole, { sparsity, pattern: pattern ? patternOf(pattern) : null, importance }, evidence)
    : removedChannels(whole, data, { macs, importance }, evidence)
}

/** One aim, and one that can be met. */
function mustAsk({ macs, sparsity, pattern }: PruneOptions): void {
  const given = Object.entries({ macs, sparsity, pattern }).filter(([, value]) => value !== undefined)
  if (given.length !== 1)
    throw new UserError(
      'bad-argument',
      given.length === 0 ? 'nothing says what shall go' : 'pruning has one aim at a time',
      {
        where: given.map(([name]) => name).join(', ') || 'options',
        hint: 'give one of macs, sparsity and pattern',
      },
    )
  for (const [name, value] of Object.entries({ macs, sparsity }))
    if (value !== undefined && !(value > 0 && value < 1))
      throw new UserError('bad-argument', `${name} must lie between 0 and 1, got ${value}`, {
        where: name,
        hint: name === 'macs' ? '0.5 removes half of the work' : '0.5 leaves half of the weights',
      })
  if (pattern !== undefined) patternOf(pattern)
}
