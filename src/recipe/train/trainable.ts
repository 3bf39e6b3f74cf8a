import type { Model } from '../../ir/index.ts'
import { float32Inside } from '../float32-form.ts'
import { advanceAll, startTrail, type Trail } from '../trail.ts'

/** What makes shapes and float32 weights visible without folding normalisations, which have statistics to learn. */
const TIDY = [
  'upgradeOpset',
  'readSparseWeights',
  'liftInputInitializers',
  'foldConstants',
  'eliminateDeadCode',
  'foldShapeArithmetic',
]

/** The way to a form that can be differentiated and cut. */
export async function trainable(model: Model): Promise<Trail> {
  const steps = (ids: readonly string[]) => ids.map((pass) => ({ pass }))
  const tidy = await float32Inside(model, await advanceAll(startTrail(model), steps(TIDY)))
  return advanceAll(tidy, steps(['foldConstants', 'eliminateIdentity', 'eliminateDeadCode', 'lowerOpset']))
}
