import { whatCounts } from './assurance.ts'
import type { Budget } from './budget.ts'
import type { Contender } from './finalists.ts'
import { isTimed } from './goal.ts'
import type { Pool } from './pool.ts'
import { byPreference } from './preference.ts'
import { warmSeconds } from './time-estimates.ts'
import type { Trial } from './trial.ts'

/** The longest that this timing may take, in seconds, and of the time. */
const LONGEST = 10
const SHARE = 1 / 24
/** So many are timed at the most beside the lossless model: there are no more finalists. */
const MOST = 4
/** An interval whose ends are further apart than this leaves open what the clock could settle. */
const WIDE = 1.05
/** Share of the best odds below which nobody is likely to be handed out. */
const UNLIKELY = 1 / 2

/** What is said to be left out where there was no time for it. */
const together = (trials: readonly Trial[]): string =>
  `timing ${trials.map(({ built }) => built.spec.id).join(', ')} side by side`

/**
 * Times those who lead side by side, where timings so far cannot tell them apart. Each was timed when it was made, at a
 * moment of its own, and of many such figures the best is the luckiest: a mixture whose interval was 1.11 to 1.41 led with
 * 1.32, and was no faster than five others when it was timed again, at 1.11.
 *
 * @param contenders Whoever may touch the proof rows; call it before they do.
 */
export async function tellApart(pool: Pool, budget: Budget, contenders: readonly Contender[]): Promise<void> {
  if (!isTimed(pool.goal)) return
  const level = leaders(pool, contenders)
  if (level.length < 2 || !level.some(isWide)) return
  const seconds = budget.timing(LONGEST, SHARE)
  if (warmSeconds(pool.bench.seen, level.length + 1) > seconds) return budget.leaveOut(together(level))
  await pool.time(level, seconds)
}

/**
 * The first in the goal and those whose intervals reach its own, one of each timing; the lossless model among them, which
 * changes no answer and which all others must beat.
 */
function leaders(pool: Pool, contenders: readonly Contender[]): readonly Trial[] {
  const what = whatCounts(contenders.map(({ odds }) => odds))
  const best = Math.max(...contenders.map(({ odds }) => odds[what]))
  const likely = contenders.filter(({ odds }) => odds[what] >= UNLIKELY * best)
  const ordered = byPreference(likely).map(({ id }) => pool.get(id))
  const [first] = ordered
  const reach = first?.result.ratio?.ci[1]
  if (reach === undefined) return []
  // Where the same kernels run, one timing is that of all.
  const timings = new Map(ordered.toReversed().map((trial) => [trial.result.ratio, trial]))
  const reaches = ({ result: { ratio } }: Trial) => ratio !== null && ratio.ci[0] < reach
  const level = ordered.filter((trial) => timings.get(trial.result.ratio) === trial && reaches(trial)).slice(0, MOST)
  const { lossless } = pool
  return lossless && pool.fitsGoal(lossless) && reaches(lossless) ? [...level, lossless] : level
}

const isWide = ({ result: { ratio } }: Trial): boolean => ratio !== null && ratio.ci[1] > WIDE * ratio.ci[0]
