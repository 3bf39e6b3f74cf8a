import type { Workbench } from '../recipe/index.ts'
import { type Budget, quarteredWithin } from './budget.ts'
import { FIRST_RUNG, rungsFor } from './rungs.ts'
import type { Trial } from './trial.ts'

/** Share of what is left that one candidate's first rows may take, that of the whole time that they may in any case. */
const FIRST_ROWS = 0.1
const FIRST_ROWS_AT_LEAST = 0.02
const FEWEST_FIRST_ROWS = 4
/** Share of what is left that one step of judging may take. */
const JUDGING = 1 / 2

/** The steps in which the candidates of a search are judged on the selection rows, and whether there is time for them. */
export class JudgingSteps {
  readonly #bench: Workbench
  readonly #budget: Budget
  #rungs: readonly number[] | undefined

  constructor(bench: Workbench, budget: Budget) {
    this.#bench = bench
    this.#budget = budget
  }

  /**
   * The steps in which candidates are judged on the selection rows, settled when it is first asked for them: what a row
   * has cost until then says how many come first.
   */
  get rungs(): readonly number[] {
    if (this.#rungs) return this.#rungs
    const { left, seconds } = this.#budget
    const most = this.#budget.affordableRows(Math.max(FIRST_ROWS * left, FIRST_ROWS_AT_LEAST * seconds))
    const first = quarteredWithin(FIRST_RUNG, most, FEWEST_FIRST_ROWS)
    this.#rungs = rungsFor(this.#bench.rows.select.indices.length, first)
    return this.#rungs
  }

  /** Whether rows take so long that the first step is one of few. */
  get rowsAreSlow(): boolean {
    return this.rungs[0]! < FIRST_RUNG
  }

  /** Seconds that judging so many candidates on the first rows takes, by what rows took so far. */
  seconds(candidates: number): number {
    return candidates * this.#rowsUpTo(0) * this.#budget.rate('judging')
  }

  /** Whether there is time to judge so many candidates on the first rows. */
  affords(candidates: number): boolean {
    const { left } = this.#budget
    return left > 0 && candidates * this.#rowsUpTo(0) <= this.#budget.affordableRows(JUDGING * left)
  }

  /** Whether there is time to judge these on the first rows, or on those of a later step: what is kept takes none. */
  async affordsJudging(trials: readonly Trial[], step: number): Promise<boolean> {
    await this.goOnFrom(trials)
    // What these answered to the rows before is kept.
    const more = this.#rowsUpTo(step) - (this.rungs[step - 1] ?? 0)
    let missing = 0
    for (const { built } of trials)
      if (!(await this.#bench.isJudged(built, 'select', this.rungs[step]))) missing += more
    const { left } = this.#budget
    return missing === 0 || (left > 0 && missing <= this.#budget.affordableRows(JUDGING * left))
  }

  /** Takes down that the time ends the judging of these in front of a step. */
  endsAt(step: number, trials: readonly Trial[]): void {
    const ids = trials.map(({ built }) => built.spec.id).join(', ')
    this.#budget.leaveOut(`more than ${this.rungs[step - 1]} selection rows for ${ids}`)
  }

  #rowsUpTo(step: number): number {
    return Math.min(this.rungs[step]!, this.#bench.rows.select.indices.length)
  }

  /** The steps of an earlier search that judged these: a slower moment must not begin with other rows than are kept. */
  async goOnFrom(trials: readonly Trial[]): Promise<void> {
    if (this.#rungs || trials.length === 0) return
    for (const { built } of trials) if (!(await this.#bench.isJudged(built, 'select', FIRST_RUNG))) return
    this.#rungs ??= rungsFor(this.#bench.rows.select.indices.length)
  }
}
