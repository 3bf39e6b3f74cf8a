import { undecided } from '../recipe/index.ts'
import type { Budget } from './budget.ts'
import type { Pool } from './pool.ts'

/** What is said to be left out where there was no time for it. */
export const timingAgain = (id: string): string => `timing ${id} again`

/**
 * Times the lossless model once more where the moments so far were too disturbed to show whether it is as fast as the
 * original: it is what is handed out where nothing else passes, and time that was kept for proofs of others is free then.
 */
export async function timeLosslessAgain(pool: Pool, budget: Budget): Promise<void> {
  const { lossless } = pool
  const ratio = lossless?.result.ratio
  if (!lossless || !ratio || !undecided(ratio) || pool.fitsGoal(lossless)) return
  budget.takeUp(timingAgain(lossless.built.spec.id))
  await pool.time([lossless], Math.min(budget.timing(), budget.leftToProve()))
}
