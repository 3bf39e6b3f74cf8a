import { type Budget, TooLong } from './budget.ts'
import type { Mixtures } from './mixtures.ts'
import { outliersSpec } from './plan.ts'
import type { Pool } from './pool.ts'
import { decibelsMissing, hasOtherBase, isWorse, quietestFirst, type Trial } from './trial.ts'

/** Dynamic integers that lack more than this would be float nearly everywhere. */
const MENDABLE_DECIBELS = 12

/**
 * Whether these are dynamic integers as they are, with one scale a column: with one scale a matrix they are louder and
 * hardly faster.
 */
export const isDynamic = ({ built: { spec } }: Trial): boolean =>
  spec.scheme === 'dynamic-int8' &&
  spec.pass?.oneScale !== true &&
  !spec.outliersDivided &&
  spec.noiseBudget === undefined

/** Whether these are dynamic integers that lack little enough to be mended. */
export function isMendable(pool: Pool, trial: Trial): boolean {
  const judged = trial.comparison !== null && pool.bench.rows.calibrate.indices.length > 0
  const plain = isDynamic(trial) && !hasOtherBase(trial)
  return plain && judged && !pool.secure(trial) && decibelsMissing(trial) <= MENDABLE_DECIBELS
}

/**
 * What may make dynamic integers secure: channels of outliers divided, which costs next to no time, then float where that
 * keeps them quiet at the least cost.
 */
export async function mended(pool: Pool, budget: Budget, mixtures: Mixtures, whole: Trial): Promise<readonly Trial[]> {
  const spec = outliersSpec(whole.built.spec)
  if (!pool.affords(1)) {
    budget.leaveOut(`${spec.id} and mixtures of it`)
    return []
  }
  const divided = await budget.granting(budget.refining, () => pool.build(spec))
  if (divided instanceof TooLong) budget.leaveOut(`${spec.id} (${divided.words})`)
  if (!divided || divided instanceof TooLong) return mixtures.of(whole)
  await pool.climb(divided)
  if (pool.secure(divided)) return [divided]
  pool.note(divided, 'not timed: not close enough')
  const [quietest] = quietestFirst([divided, whole].filter((trial) => !isWorse(trial)))
  return quietest ? mixtures.of(quietest) : []
}
