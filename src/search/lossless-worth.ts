import { isTimed, NOT_SLOWER } from './goal.ts'
import type { Pool } from './pool.ts'
import { WORTH_IT } from './preference.ts'
import type { Trial } from './trial.ts'

/** Share of the original's time to load below which it gains by loading: no more than a few loads are timed. */
const QUICKER_TO_LOAD = 0.9

/**
 * Why the lossless model is not handed out, or null: it is unless it looks slower, if only within the error, and is no
 * smaller either. What its note says already stands.
 */
export function whyNotWorthIt(pool: Pool, lossless: Trial): string | null {
  const { ratio, bytes, loadMs, note } = lossless.result
  const before = pool.baseline!
  const timed = isTimed(pool.goal)
  if (!pool.fitsGoal(lossless))
    return note ?? (timed ? 'not shown to be as fast as the original' : 'not better in the goal')
  if (!timed) {
    const slower = ratio !== null && ratio.ci[0] >= NOT_SLOWER
    // What is less by a hair is no gain that pays for being slower, unless it keeps a limit that the original breaks.
    return slower && pool.originalBreaks === null && pool.figure(lossless) >= WORTH_IT * pool.figureBefore
      ? 'slower than the original, and hardly better in the goal'
      : null
  }
  const gains =
    ratio!.median <= 1 ||
    (bytes !== null && bytes < WORTH_IT * before.bytes) ||
    (loadMs !== null && loadMs < QUICKER_TO_LOAD * before.loadMs)
  return gains ? null : 'nothing gained: about as fast, as large and as quick to load as the original'
}

/** Whether it is clearly faster by its whole interval, or smaller, where that is not the goal itself. */
export function gainsShown({ goal, bench }: Pool, { result: { ratio, bytes } }: Trial): boolean {
  if (!isTimed(goal)) return true
  return (ratio !== null && ratio.ci[1] < WORTH_IT) || (bytes !== null && bytes < WORTH_IT * bench.original.bytes)
}
