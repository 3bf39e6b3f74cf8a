import { CALIBRATION_ROWS } from '../evaluate/index.ts'
import type { CandidateSpec } from '../recipe/index.ts'
import { type Budget, quarteredWithin, TooLong } from './budget.ts'
import { onRows, withExtremes } from './plan.ts'
import type { Pool } from './pool.ts'
import { FEWEST_RANGE_ROWS } from './time-estimates.ts'
import type { Trial } from './trial.ts'

/**
 * Builds candidates of a search within a time. Where ranges of all calibration rows would take longer, they are taken
 * from fewer, and from then on from no more: what did not fit once is not tried again.
 */
export class BuildsInTime {
  readonly #pool: Pool
  readonly #budget: Budget
  #rangeRows = CALIBRATION_ROWS

  constructor(pool: Pool, budget: Budget) {
    this.#pool = pool
    this.#budget = budget
  }

  /**
   * Builds these with ranges of as many rows as fit into `seconds`; where histograms of the fewest do not, with full ranges,
   * which take far less; with these of the fewest in any case.
   */
  async inAnyCase(specs: readonly CandidateSpec[], seconds: number): Promise<readonly Trial[]> {
    const extremes = specs.map(withExtremes)
    for (const some of extremes.some((spec, place) => spec !== specs[place]) ? [specs, extremes] : [specs]) {
      const within = await this.within(some, seconds)
      if (!('tooLong' in within)) return within
    }
    this.#rangeRows = FEWEST_RANGE_ROWS
    return this.#build(extremes)
  }

  /** Builds these with ranges of as many rows as fit into `seconds`, or none of them, which is told. */
  async orLeaveOut(specs: readonly CandidateSpec[], seconds: number): Promise<readonly Trial[]> {
    const within = await this.within(specs, seconds)
    if (!('tooLong' in within)) return within
    this.#budget.leaveOut(`${specs.map(({ id }) => id).join(', ')} (${within.tooLong})`)
    return []
  }

  /**
   * Builds candidates whose evidence takes at most `seconds` a piece, ranges of fewer rows where those of all would take
   * longer; how long it would take where even the fewest do not fit, or where it is not the rows that take the time.
   */
  async within(
    specs: readonly CandidateSpec[],
    seconds: number,
  ): Promise<readonly Trial[] | { readonly tooLong: string }> {
    for (;;) {
      const built = await this.#budget.granting(seconds, () => this.#build(specs))
      if (!(built instanceof TooLong)) return built
      const all = Math.min(this.#rangeRows, this.#pool.bench.rows.calibrate.indices.length)
      const fewer = quarteredWithin(CALIBRATION_ROWS, all * built.share, FEWEST_RANGE_ROWS)
      if (built.work === 'roundings' || fewer >= all || fewer > all * built.share) return { tooLong: built.words }
      this.#rangeRows = fewer
      this.#budget.leaveOut(`ranges from more than ${fewer} rows`)
    }
  }

  #build(specs: readonly CandidateSpec[]): Promise<readonly Trial[]> {
    const rows = this.#rangeRows
    return this.#pool.buildAll(specs.map((spec) => onRows(spec, rows)))
  }
}
