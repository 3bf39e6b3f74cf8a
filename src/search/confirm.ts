import { undecided } from '../recipe/index.ts'
import { type Budget, CONFIRMING } from './budget.ts'
import type { Proven } from './choice-words.ts'
import type { Choice } from './choose.ts'
import { whyNotWorthIt } from './lossless-worth.ts'
import type { Pool } from './pool.ts'

/** The longest that this timing may take, in seconds. */
const TIMING = 15

/**
 * Times the chosen one alone against the original once more: the promise is about this very file. Else the next. What a
 * disturbed moment left undecided is timed a second time, before what all the search went into is given up for it.
 */
export async function confirm(pool: Pool, budget: Budget, choice: Choice): Promise<Choice> {
  const failed: string[] = []
  for (const next of choice.ranked) {
    const trial = pool.get(next.id)
    const again = () => pool.time([trial], budget.timing(TIMING, CONFIRMING), 'confirm')
    await again()
    const { ratio } = trial.result
    if (ratio && undecided(ratio) && !pool.fitsGoal(trial)) await again()
    const why = trial === pool.lossless ? whyNotWorthIt(pool, trial) : pool.whyHopeless(trial)
    if (why === null && pool.fitsGoal(trial))
      return failed.length === 0 ? choice : { ...choice, ...next, reason: unconfirmed(failed, next) }
    pool.note(trial, `not confirmed when timed again alone: ${why ?? 'not better in the goal'}`)
    failed.push(next.id)
  }
  return failed.length === 0 ? choice : { ranked: [], id: 'original', proof: null, reason: unconfirmed(failed, null) }
}

const unconfirmed = (failed: readonly string[], next: Proven | null) =>
  `${failed.join(', ')} ${failed.length > 1 ? 'were' : 'was'} not confirmed to be better when timed again alone${
    next
      ? `, so ${next.id}, the next best that ${next.proof.verdict === 'pass' ? 'passed' : 'stays close'}, is handed out`
      : ''
  }.`
