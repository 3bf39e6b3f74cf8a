import { type Feeds, openIsolated, type Session } from '../engine/index.ts'
import { measureEquivalence } from '../evaluate/index.ts'
import type { Model } from '../ir/index.ts'
import { simplifyPasses } from '../passes/index.ts'
import { UserError } from '../platform/index.ts'
import type { Equivalence, Recipe, RewriteReport } from '../report/index.ts'
import { type SampleOptions, samplesFor } from './samples.ts'
import { together } from './together.ts'
import { advanceAll, recipeOf, type Step, sizeOf, startTrail, type Trail } from './trail.ts'

export interface SimplifyOptions extends SampleOptions {
  /** Run both models and compare; on unless false. */
  readonly verify?: boolean | undefined
}

export interface Simplified {
  readonly model: Model
  readonly report: RewriteReport
  readonly recipe: Recipe
}

/** Every lossless pass. */
export const losslessSteps: readonly Step[] = simplifyPasses.map((pass) => ({ pass: pass.id }))

/** Opset upgrade and every lossless pass, nothing run. */
export async function losslessTrail(model: Model): Promise<Trail> {
  const cleaned = await advanceAll(startTrail(model), [{ pass: 'upgradeOpset' }])
  return advanceAll(cleaned, losslessSteps)
}

/**
 * Same answers from fewer operators. Runs the model before and after on random inputs, and on rows of `data` where
 * given, and reports the largest difference.
 *
 * @throws Error "internal: …" where an answer changed beyond 1e-3 absolute plus relative: never an output. UserError
 * `unsupported` where the model does not even agree with itself.
 */
export async function simplify(model: Model, options: SimplifyOptions = {}): Promise<Simplified> {
  const trail = await losslessTrail(model)
  const equivalence = options.verify === false ? null : await proveEqual(model, trail.model, options)
  const report: RewriteReport = {
    kind: 'rewrite',
    version: 1,
    passes: trail.runs,
    before: sizeOf(model),
    after: sizeOf(trail.model),
    equivalence,
  }
  return { model: trail.model, report, recipe: recipeOf(trail) }
}

/** A handful of runs does not pay for memory that is kept for later ones. */
export const LEAN = { arena: false } as const

/** The measured equivalence of two models that must be equal; an internal error names the output where they are not. */
export async function proveEqual(before: Model, after: Model, options: SampleOptions): Promise<Equivalence> {
  const opened = [openIsolated(before, LEAN), openIsolated(after, LEAN)] as const
  const [base, candidate] = await together(...opened, (session) => session.close())
  try {
    return await proveSame(base, candidate, before, options)
  } finally {
    await together(candidate.close(), base.close())
  }
}

/** The same for sessions that are open, of the model `before` and of what it became. */
export async function proveSame(
  base: Session,
  candidate: Session,
  before: Model,
  options: SampleOptions,
): Promise<Equivalence> {
  const { feeds, real } = await samplesFor(base, options)
  const { equal, equivalence, worst } = await measureEquivalence(base, candidate, feeds)
  if (!equal && !(await repeatsItself(base, feeds)))
    throw new UserError('unsupported', 'it answers the same inputs differently from run to run', {
      where: before.graph.name ? `graph "${before.graph.name}"` : 'the model',
      hint: 'it draws random numbers: give those operators a seed, so that a rewrite can be shown to keep the answers',
    })
  if (!equal)
    throw new Error(
      `internal: a lossless pass changed output "${worst?.name}": ${worst?.mismatch}; please report the model`,
    )
  return { ...equivalence, realSamples: real }
}

/** Whether a second run on the same inputs gives the same answers. */
async function repeatsItself(session: Session, feeds: readonly Feeds[]): Promise<boolean> {
  return (await measureEquivalence(session, session, feeds)).equal
}
