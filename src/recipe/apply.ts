import type { Dataset } from '../data/index.ts'
import { openIsolated } from '../engine/index.ts'
import type { Model, NumericArray } from '../ir/index.ts'
import { modelDigest } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import {
  exactly,
  misfit,
  type RangeMethod,
  type Recipe,
  type Report,
  type RewriteReport,
  WHETSTONE_VERSION,
} from '../report/index.ts'
import { channelsOf } from './evidence/channels.ts'
import { kernelCosts } from './evidence/kernel-costs.ts'
import { rangesOf } from './evidence/ranges.ts'
import { sensitivityOf } from './evidence/sensitivity.ts'
import { withTensors } from './evidence/with-tensors.ts'
import { firstFeeds } from './first-feeds.ts'
import { keptAnswers } from './proof/kept-answers.ts'
import { evidenceDigest, passById, recipeOf, sealOf, sizeOf, startTrail } from './trail.ts'
import { advanceOnThreads } from './weight-threads.ts'

export interface ApplyOptions {
  /** For a model other than the recipe's own: evidence is measured anew on these rows. */
  readonly data?: Dataset | undefined
  /** What the recipe's evidence refers to, by digest (see `readBlobs`); what is missing is measured again on `data`. */
  readonly tensors?: ReadonlyMap<string, NumericArray> | undefined
}

/**
 * Replays a recipe. On the model that it was made for every step uses the evidence in the recipe and must give the
 * recorded digest, so the bytes are the same. On another model the evidence is measured again on `data`, and how far its
 * answers to some of these rows moved.
 *
 * @throws UserError where the recipe names an unknown pass, was changed since it was made, or its evidence belongs to
 *   another model and no data is given; an Error where a recipe of this version, as it was made, gives another model.
 */
export async function applyRecipe(
  recipe: Recipe,
  model: Model,
  options: ApplyOptions = {},
): Promise<{ model: Model; report: RewriteReport; recipe: Recipe }> {
  const own = recipe.steps.length === 0 || modelDigest(model) === recipe.steps[0]!.input
  for (const [digest, report] of Object.entries(recipe.evidence))
    if (evidenceDigest(report as Report) !== digest) throw edited(`the evidence ${digest} of the recipe was changed`)
  for (const [i, step] of recipe.steps.entries()) {
    const wrong = misfit(step.options, passById(step.pass).options?.json ?? NO_OPTIONS, 'options')
    if (wrong === null) continue
    throw unlike(recipe, `step ${i + 1} of the recipe, ${step.pass}, cannot be done as it is written: ${wrong}`)
  }
  let trail = startTrail(model)
  for (const step of recipe.steps) {
    const evidence: { report: Report }[] = []
    for (const digest of step.evidence)
      evidence.push({ report: await evidenceFor(recipe, digest, own ? null : trail.model, evidence, options) })
    const whole = await withTensors(evidence, trail.model, own, options)
    const next = { pass: step.pass, options: step.options, evidence: whole }
    trail = await advanceOnThreads(trail, [next]).catch((error: unknown) => {
      // On its own model this step has run before, with what the file said then.
      if (own && !(error instanceof UserError))
        throw unlike(recipe, `step ${step.pass} of the recipe does not run: ${(error as Error).message}`, error)
      throw error
    })
    const output = modelDigest(trail.model)
    if (own && output !== step.output)
      throw unlike(recipe, `step ${step.pass} gave ${output}, the recipe says ${step.output}`)
  }
  const kept = own || !options.data ? null : await keptAnswers(model, trail.model, options.data)
  return {
    model: trail.model,
    recipe: recipeOf(trail),
    report: {
      kind: 'rewrite',
      version: 1,
      passes: trail.runs,
      before: sizeOf(model),
      after: sizeOf(trail.model),
      equivalence: kept?.equivalence ?? null,
      ...(own ? { replayed: true } : {}),
      warnings: own ? [] : [ANOTHER, ...(kept?.warnings ?? [])],
    },
  }
}

const NO_OPTIONS = exactly<Record<never, never>>({}).json

const ANOTHER =
  'the recipe was made for another model; its evidence was measured anew where it has any, and what it lost by it is not judged: whet compare does'

/**
 * A recipe that does not do on its own model what it says: its text or the passes have changed since, which its seal and
 * its version tell; where neither has, the passes are at fault.
 */
function unlike(recipe: Recipe, problem: string, cause?: unknown): Error {
  const whole = recipe.seal !== undefined && recipe.seal === sealOf(recipe)
  if (whole && recipe.whetstone === WHETSTONE_VERSION)
    return new Error(`internal: ${problem}, and nobody has changed it since`, { cause })
  if (whole) return refusal(problem, `it was made by another version (${recipe.whetstone})`, cause)
  if (recipe.seal !== undefined) return edited(problem, cause)
  return refusal(problem, `it was edited or damaged, or made by another version (${recipe.whetstone})`, cause)
}

const edited = (problem: string, cause?: unknown) => refusal(problem, 'it was edited or damaged', cause)

const refusal = (problem: string, why: string, cause: unknown) =>
  new UserError('bad-argument', problem, {
    where: 'recipe',
    hint: `${why}: make it again with whet optimize, or with whet quantize --recipe`,
    cause,
  })

async function evidenceFor(
  recipe: Recipe,
  digest: string,
  other: Model | null,
  before: readonly { report: Report }[],
  options: ApplyOptions,
): Promise<Report> {
  const kept = recipe.evidence[digest] as Report | undefined
  if (!kept)
    throw new UserError('bad-argument', `the recipe has lost its evidence ${digest}`, {
      where: 'recipe',
      hint: 'make the recipe again with whet optimize',
    })
  if (other === null || kept.kind === 'moments') return kept
  const measured =
    kept.kind === 'calibration' ? kept.method !== 'learned' : ['sensitivity', 'costs', 'channels'].includes(kept.kind)
  if (!measured)
    throw new UserError('unsupported', 'what was learned for one model does not fit another', {
      where: `recipe: evidence of kind ${kept.kind}`,
      hint: 'use the recipe on the model that it was made for',
    })
  if (!options.data)
    throw new UserError('bad-argument', 'this recipe was made for another model, and its ranges do not fit this one', {
      where: 'recipe',
      hint: 'give --data D with rows to calibrate on',
    })
  if (kept.kind === 'channels') return channelsOf(other, options.data)
  if (kept.kind === 'calibration')
    return rangesOf(other, options.data, kept.method as RangeMethod, { samples: kept.samples })
  // Roundings are those of the ranges that stand before them among the evidence.
  const ranges = before.map(({ report }) => report).find((report) => report.kind === 'calibration')
  if (!ranges) throw new Error(`internal: ${kept.kind} without ranges in a recipe`)
  if (kept.kind === 'sensitivity') return sensitivityOf(other, options.data, ranges)
  if (kept.kind !== 'costs') throw new Error(`internal: ${kept.kind} is not measured`)
  const session = await openIsolated(other)
  const feeds = await firstFeeds(session, options.data).finally(() => session.close())
  const costs = await kernelCosts(other, ranges, feeds, { threads: kept.threads })
  if (costs) return costs
  throw new UserError('unsupported', 'nothing in this model can become integer', {
    where: 'recipe',
    hint: 'the recipe is for a model with convolutions or matrix products in float; whet inspect lists the operators',
  })
}
