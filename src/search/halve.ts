import type { Odds } from '../evaluate/index.ts'
import { isLikelier, whatCounts } from './assurance.ts'
import type { JudgingSteps } from './judging-steps.ts'
import { betterHalf } from './rungs.ts'
import { sideBySide } from './side-by-side.ts'
import { isWorse, quietestFirst, quietestOnMostRows, type Trial } from './trial.ts'

/** What halving asks of the pool that holds the candidates. */
interface Judging {
  /** How many are judged at a time. */
  readonly workers: number
  /** Judges on so many of the selection rows. */
  judge(trial: Trial, rows: number): Promise<void>
  /** What these foretell of the proof. */
  odds(trial: Trial): Odds
  /** Whether more rows would only tell how bad it is. */
  isOut(trial: Trial): boolean
  /** Leaves one out of the race. */
  drop(trial: Trial, why: string): void
}

/**
 * Judges candidates that run the same kernels side by side: on a few rows, the quieter half on more, and so on, for as
 * long as there is time and more than one is left, or one that may still be handed out as it is. One is left in any case:
 * which one is a matter of decibels on the same rows, and more rows seldom turn their order, so that it hardly depends on
 * where the time ends this. Where rows of unusually large numbers
 * have another order than the most, both are followed, and the one that is likelier to pass is left, or to stay close
 * where none can pass.
 */
export async function halve(pool: Judging, steps: JudgingSteps, trials: readonly Trial[]): Promise<Trial> {
  const orders = [quietestFirst, quietestOnMostRows]
  let followed = orders.map(() => trials)
  let left = trials
  await steps.goOnFrom(trials)
  for (const [step, rows] of steps.rungs.entries()) {
    if (left.length === 1 && step > 0 && pool.isOut(left[0]!)) break
    if (step > 0 && !(await steps.affordsJudging(left, step))) {
      steps.endsAt(step, left)
      break
    }
    await sideBySide(left, pool.workers, (trial) => pool.judge(trial, rows))
    followed = orders.map((order, i) => betterHalf(order(followed[i]!), isWorse))
    left = keep(pool, left, [...new Set(followed.flat())])
  }
  const [quietest] = quietestFirst(left) as readonly [Trial]
  const [onMostRows] = quietestOnMostRows(left) as readonly [Trial]
  const [ofQuietest, ofOther] = [pool.odds(quietest), pool.odds(onMostRows)]
  const what = whatCounts([ofQuietest, ofOther])
  const best = isLikelier(ofOther[what], ofQuietest[what]) ? onMostRows : quietest
  keep(pool, left, [best])
  return best
}

/** Drops the others of those that run the same kernels. */
function keep(pool: Judging, trials: readonly Trial[], next: readonly Trial[]): readonly Trial[] {
  for (const trial of trials.filter((one) => !next.includes(one)))
    pool.drop(trial, `judged on ${trial.comparison?.n ?? 0} rows: others as fast stayed nearer to the original there`)
  return next
}
