import type { Dataset } from '../../data/index.ts'
import { type IsolatedSession, openIsolated } from '../../engine/index.ts'
import { headOf, measureRobustness, type RobustnessOptions } from '../../evaluate/index.ts'
import { inferTypes, isFloating, type Model, tensorDtype } from '../../ir/index.ts'
import { modelDigest, readModel } from '../../onnx/index.ts'
import { UserError } from '../../platform/index.ts'
import type { RobustnessReport } from '../../report/index.ts'
import { type EvidenceCache, noCache } from '../evidence/evidence-cache.ts'
import type { Fit } from './own-inputs.ts'

/** A model by path, or as a value with what reports call it. */
export type TestedModel = string | Model | { readonly path: string; readonly model: Model }

export interface RobustOptions extends Omit<RobustnessOptions, 'keep'> {
  /** Keeps what is finished, so that an interrupted run goes on where it stopped. */
  readonly cache?: EvidenceCache | undefined
  /** Makes each model take its own inputs out of those of all. */
  readonly fit?: Fit | undefined
}

/**
 * How models stand what happens to inputs: corruptions by severity, rows from elsewhere, tiny changes, and what their
 * probabilities are worth; all on the same rows with the same seeds, against the first model. Each runs in a process of
 * its own.
 *
 * @throws UserError for no model, rows that do not fit, and unknown corruptions.
 */
export async function robustness(
  models: readonly TestedModel[],
  data: Dataset,
  { cache = noCache, fit, ...options }: RobustOptions = {},
): Promise<RobustnessReport> {
  if (models.length === 0)
    throw new UserError('bad-argument', 'there is no model', { where: 'models', hint: 'name at least one' })
  const opened: IsolatedSession[] = []
  try {
    const subjects = []
    for (const given of models) {
      const { path, model } = await namedModel(given, subjects.length)
      const alone = await openIsolated(model, {}, { name: path })
      const session = fit ? fit(model, alone) : alone
      opened.push(session)
      subjects.push({ path, digest: modelDigest(model), session, head: headsOf(model) })
    }
    return await measureRobustness(subjects, data, { ...options, keep: (key, make) => cache.get(key, make) })
  } finally {
    for (const session of opened) await session.close()
  }
}

/** A model with what reports call it. */
export async function namedModel(given: TestedModel, place: number): Promise<{ path: string; model: Model }> {
  if (typeof given === 'string') return { path: given, model: await readModel(given) }
  return 'model' in given ? given : { path: `model ${place + 1}`, model: given }
}

/** What stands behind an output, where the engine can hand it out: a float tensor that is not the output itself. */
function headsOf(model: Model) {
  const types = inferTypes(model)
  const isFloat = (name: string | null) => name !== null && isFloating(tensorDtype(types.get(name)) ?? 'undefined')
  return (output: string) => {
    const { logits, features } = headOf(model, output)
    return { logits: isFloat(logits) ? logits : null, features: isFloat(features) ? features : null }
  }
}
