import { ALWAYS_JUDGED, type Budget } from './budget.ts'
import { isMendable, mended } from './dynamics.ts'
import type { Mixtures } from './mixtures.ts'
import type { Pool } from './pool.ts'
import { worthMore } from './preference.ts'
import { couldBeNearer, roundedNearer } from './rounded.ts'
import { hasOtherBase, isPlainStatic, isStatic, promising, type Trial } from './trial.ts'

/** The schemes beside static integers, as far as nothing was judged of them so far, the best in the goal first. */
export function otherSchemes(pool: Pool): readonly Trial[] {
  return pool.inOrder(
    pool.trials.filter(
      (trial) =>
        !isStatic(trial) &&
        !hasOtherBase(trial) &&
        trial !== pool.lossless &&
        trial.comparison === null &&
        !pool.hopeless(trial),
    ),
  )
}

/** Those of them that are better in the goal than every static candidate: what is dear to refine may not be needed. */
export function aheadOfStatics(pool: Pool): readonly Trial[] {
  const statics = pool.trials.filter((trial) => isPlainStatic(trial) && !pool.hopeless(trial))
  return otherSchemes(pool).filter((trial) =>
    statics.every((other) => worthMore(pool.standing(trial), pool.standing(other))),
  )
}

/**
 * Judges these in their order, so that the time goes where it decides something. Dynamic integers that are not close
 * enough are mended.
 */
export async function judgeOthers(
  pool: Pool,
  budget: Budget,
  mixtures: Mixtures,
  others: readonly Trial[],
): Promise<void> {
  for (const [place, trial] of others.entries()) {
    const bar = pool.betterAndSafe(trial)
    if (bar) pool.noteNotNeeded(trial, bar)
    else if ((await pool.affordsJudging([trial])) || (place < ALWAYS_JUDGED && !pool.trials.some(promising))) {
      await pool.climb(trial)
      const fewBits = trial.built.spec.scheme === 'weight-int4'
      if (fewBits && couldBeNearer(trial)) await roundedNearer(pool, budget, trial)
      if (isMendable(pool, trial)) await mixtures.timed(await mended(pool, budget, mixtures, trial))
    } else {
      pool.noteNotJudged(trial, 'the time was up')
      budget.leaveOut(`judging ${trial.built.spec.id}`)
    }
  }
}
