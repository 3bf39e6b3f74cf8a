import { isLikelier } from './assurance.ts'
import type { Budget } from './budget.ts'
import type { Pool } from './pool.ts'
import type { Trial } from './trial.ts'

/** Rows that are proven on in any case, where there are so many. */
const FEWEST_ROWS = 8

/** What a row may cost beside the runs of the models, in milliseconds a model. */
const BESIDE_RUNS = 1

/**
 * Seconds that proofs of these take on so many rows: the original answers each row once, and each of them. What judging
 * has taken so far counts, but where that was a few rows of models just opened, no more than twice the time of the runs.
 */
function rowSeconds({ baseline, bench }: Pool, budget: Budget, trials: readonly Trial[], rows: number): number {
  const runMs = (p50Ms: number | null = null) => (p50Ms ?? 0) / bench.processes
  const seenMs = 1000 * budget.rate('judging')
  const original = runMs(baseline?.p50Ms)
  const each = trials.map(({ result }) => runMs(result.p50Ms))
  const thought = each.reduce((sum, ms) => sum + Math.max(ms, seenMs), original)
  const most = each.reduce((sum, ms) => sum + 2 * ms + BESIDE_RUNS, 2 * original + BESIDE_RUNS)
  return (rows * Math.min(thought, most)) / 1000
}

/** Seconds that opening the original and these takes. */
const openSeconds = ({ bench }: Pool, trials: readonly Trial[]) => ((trials.length + 1) * bench.seen.openMs) / 1000

/** Whether there is time to prove one more on the rows that the others were proven on. */
export const affordsProof = (pool: Pool, budget: Budget, trial: Trial): boolean =>
  openSeconds(pool, [trial]) + rowSeconds(pool, budget, [trial], pool.proofRows) <= budget.leftToProve()

/**
 * How many of the proof rows there is time for: all, or half of them, or half of these … It is settled before any of
 * them is looked at, by the clock alone, so that the proof is one on fewer rows, and not one that was ended when it
 * suited. What was proven before takes no time. Beyond the time of the search it goes only for rows that make a pass
 * likelier.
 */
export async function proofRowsWithin(pool: Pool, budget: Budget, trials: readonly Trial[]): Promise<number> {
  const missing: Trial[] = []
  for (const trial of trials) if (!(await pool.bench.isJudged(trial.built, 'prove'))) missing.push(trial)
  const all = pool.proofRows
  if (missing.length === 0) return all
  // Opening takes as long for one row as for all.
  const opening = openSeconds(pool, missing)
  const rowsIn = (seconds: number) => {
    let rows = all
    while (rows >= 2 * FEWEST_ROWS && rowSeconds(pool, budget, missing, rows) > seconds) rows = Math.floor(rows / 2)
    return rows
  }
  const inTime = rowsIn(budget.leftToProve(opening, 0))
  const beyond = rowsIn(budget.leftToProve(opening))
  const likelier = (trial: Trial) => isLikelier(passOdds(pool, trial, beyond), passOdds(pool, trial, inTime))
  return missing.some(likelier) ? beyond : inTime
}

/** The odds of a pass on so many rows; the lossless model changes no answer. */
const passOdds = (pool: Pool, trial: Trial, rows: number): number =>
  trial === pool.lossless ? Number(pool.bench.canProve(rows)) : pool.odds(trial, rows).pass
