import { ALWAYS_JUDGED, type Budget } from './budget.ts'
import { isDynamic, isMendable, mended } from './dynamics.ts'
import { figureMended } from './figure-mended.ts'
import type { Mixtures } from './mixtures.ts'
import type { Pool } from './pool.ts'
import { worthMore } from './preference.ts'
import { couldBeNearer, roundedNearer } from './rounded.ts'
import { hasOtherBase, isPlainStatic, isStatic, promising, type Trial } from './trial.ts'

/** The schemes beside static integers, judged in an order in which the time goes where it decides something. */
export class Others {
  readonly #pool: Pool
  readonly #budget: Budget
  readonly #mixtures: Mixtures
  readonly #settled = new Set<Trial>()

  constructor(pool: Pool, budget: Budget, mixtures: Mixtures) {
    this.#pool = pool
    this.#budget = budget
    this.#mixtures = mixtures
  }

  /** Those that are better in the goal than every static candidate: what is dear to refine may not be needed. */
  async aheadOfStatics(): Promise<void> {
    const pool = this.#pool
    const statics = pool.trials.filter((trial) => isPlainStatic(trial) && !pool.hopeless(trial))
    await this.#settle(
      this.#open.filter((trial) => statics.every((other) => worthMore(pool.standing(trial), pool.standing(other)))),
    )
  }

  /**
   * Dynamic integers that lack less than static ones which need repair, the most promising of them first: they have ranges
   * of each run, and the repair of others, which may take all of the time, is likely to give something slower.
   */
  async aheadOfRepairs([first]: readonly Trial[]): Promise<void> {
    const pool = this.#pool
    if (!first) return
    for (const trial of this.#open.filter(isDynamic)) {
      if (pool.betterAndSafe(trial) || !(await pool.affordsJudging([trial]))) continue
      await pool.judgeFirstRows(trial)
      const better = pool.secure(trial) || isMendable(pool, trial)
      if (better && figureMended(pool, trial) < figureMended(pool, first)) await this.#settle([trial])
    }
  }

  /** All that are left. */
  async rest(): Promise<void> {
    await this.#settle(this.#open)
  }

  /** Those of which nothing was settled so far, the best in the goal first. */
  get #open(): readonly Trial[] {
    const pool = this.#pool
    return pool.inOrder(
      pool.trials.filter(
        (trial) =>
          !isStatic(trial) &&
          !hasOtherBase(trial) &&
          trial !== pool.lossless &&
          (trial.comparison === null || isDynamic(trial)) &&
          !this.#settled.has(trial) &&
          !pool.hopeless(trial),
      ),
    )
  }

  /** Judges these in their order. Dynamic integers that are not close enough are mended. */
  async #settle(others: readonly Trial[]): Promise<void> {
    const [pool, budget, mixtures] = [this.#pool, this.#budget, this.#mixtures]
    for (const [place, trial] of others.entries()) {
      const bar = pool.betterAndSafe(trial)
      if (bar) pool.noteNotNeeded(trial, bar)
      else if ((await pool.affordsJudging([trial])) || (place < ALWAYS_JUDGED && !pool.trials.some(promising))) {
        this.#settled.add(trial)
        await pool.climb(trial)
        const fewBits = trial.built.spec.scheme === 'weight-int4'
        if (fewBits && couldBeNearer(trial)) await roundedNearer(pool, budget, trial)
        if (isMendable(pool, trial)) await mixtures.timed(await mended(pool, budget, mixtures, trial))
      } else {
        pool.noteNotJudged(trial, 'the time was up')
        const { id } = trial.built.spec
        budget.leaveOut(trial.comparison ? `more than ${trial.comparison.n} selection rows for ${id}` : `judging ${id}`)
      }
    }
  }
}
