import { CLOSE_DB, noiseRows, worstOutput } from '../evaluate/index.ts'
import type { CandidateSpec } from '../recipe/index.ts'
import { isCertain, isLikely, isSecure, isSure, mayPass } from './assurance.ts'
import type { Budget } from './budget.ts'
import { MixtureBuilder } from './mixture-builder.ts'
import { settleNoise } from './noise-budget.ts'
import type { Pool } from './pool.ts'
import { isClipped, isStatic, noiseAt, noiseRatioOf, quietestFirst, SECURE_NOISE, type Trial } from './trial.ts'

const STEP = 'not timed: a step on the way to the fastest mixture that is close enough'
const UNKNOWN =
  'no mixture of float and integers was tried: what roundings do cannot be followed back through this model from its outputs'
/** Noise over signal of which close holds more often than not, where a secure mixture stands by. */
const BRAVE_NOISE = noiseAt(CLOSE_DB + 1 / 2)
/** So many rows tell what others will show; of fewer, a quieter mixture is kept as well, unless much speaks for it. */
const MANY_ROWS = 32
const QUIETER = noiseAt(3)
/** How much quieter an insurance is: answers changed by a third. */
const INSURANCE = noiseAt(10)

/**
 * The longest that a timing of refinements may take, in seconds, and of the time: what is handed out is timed again, and
 * in a short search several of these would leave no time for what they are to tell apart.
 */
const TIMING = 8
const TIMING_SHARE = 1 / 24

const foretoldNoise = ({ built }: Trial) => built.expectedNoise ?? 0

/** Mixtures of float and integers: as much of a candidate in float as its noise asks for, and no more. */
export class Mixtures {
  readonly #pool: Pool
  readonly #budget: Budget
  /** Candidates whose mixtures there was no time for. */
  readonly leftOut: Trial[] = []
  readonly #builder: MixtureBuilder

  constructor(pool: Pool, budget: Budget) {
    this.#pool = pool
    this.#budget = budget
    this.#builder = new MixtureBuilder(pool, budget)
  }

  /** Seconds that the first mixture takes at the least. */
  get seconds(): number {
    return this.#builder.seconds
  }

  /** Times what has kernels of its own. */
  async timed(added: readonly Trial[]): Promise<void> {
    if (added.length > 0) await this.#pool.time(added, this.#budget.timing(TIMING, TIMING_SHARE))
  }

  /** The candidate with as much in float as makes it secure, at the least cost; nothing where that cannot be had. */
  async of(whole: Trial): Promise<readonly Trial[]> {
    if (!whole.comparison) return []
    const pool = this.#pool
    const { spec } = whole.built
    const mixtures = `float where that keeps ${spec.id} quiet`
    this.#budget.takeUp(mixtures)
    const steps: Trial[] = []
    const seen = (trial: Trial, expected: number) => ({
      secure: pool.secure(trial),
      byAnswers: isSecure(pool.odds(trial).pass),
      // Where rows of large numbers are cut off, it is not roundings that make the noise of all rows together.
      noise: isClipped(trial) ? null : noiseRatioOf(trial),
      expected,
      trial,
    })
    const expectedNoise = await this.#builder.foretold(spec, mixtures)
    if (expectedNoise === null) this.leftOut.push(whole)
    if (expectedNoise === 0 && !pool.warnings.includes(UNKNOWN)) pool.warnings.push(UNKNOWN)
    if (!expectedNoise) return []
    const step = async (budget: number) => {
      if (!pool.affords(1)) {
        this.#budget.leaveOut(`more of ${mixtures}`)
        return null
      }
      const trial = await this.#builder.build(spec, budget)
      if (!trial) return null
      pool.note(trial, STEP)
      await pool.climb(trial)
      steps.push(trial)
      return seen(trial, trial.built.expectedNoise ?? budget)
    }
    const best = await settleNoise(SECURE_NOISE, seen(whole, expectedNoise), step)
    const brave = best && this.#braveBudget(best.trial, steps)
    if (brave) await step(brave)
    // With more in integers than the secure one, and it may well hold all the same.
    const likely = steps.filter(
      (trial) => this.#mayHold(trial, best?.trial) && foretoldNoise(trial) > (best ? foretoldNoise(best.trial) : 0),
    )
    const kept = [...quietestFirst(likely).slice(-1), ...(best ? [best.trial] : [])]
    for (const trial of kept) pool.withdrawNote(trial)
    if (!best || !this.#fewTell(best.trial)) return kept
    return [...kept, ...(await this.#quieter(spec, best.trial.built.expectedNoise))]
  }

  /** More likely than not to pass; to stay close where the secure mixture, to fall back on, is not likely to pass either. */
  #mayHold(trial: Trial, secure: Trial | undefined): boolean {
    const { pass, close } = this.#pool.odds(trial)
    return isLikely(pass) || (secure !== undefined && !isLikely(this.#pool.odds(secure).pass) && isLikely(close))
  }

  /** The noise of one without the reserve that the secure mixture keeps, where only noise counts; null where it fails. */
  #braveBudget(secure: Trial, steps: readonly Trial[]): number | null {
    const pool = this.#pool
    const noise = noiseRatioOf(secure)
    if (!noise || isLikely(pool.odds(secure).pass)) return null
    const budget = (foretoldNoise(secure) * BRAVE_NOISE) / noise
    const tooLoud = (trial: Trial) => !pool.secure(trial) && (noiseRatioOf(trial) ?? 1) > BRAVE_NOISE
    const failed = steps.some((trial) => tooLoud(trial) && foretoldNoise(trial) <= budget)
    return failed ? null : budget
  }

  /**
   * A quieter mixture beside one that may well fail. By labels a much quieter one, to prove before it: answers change in
   * proportion to the noise, and where one too many does, only what stands before it in the proof is handed out; only
   * where there is plenty of time. Where the noise must hold, one to fall back on.
   */
  async insured(whole: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    const odds = pool.odds(whole)
    const { pass } = odds
    const { spec } = whole.built
    const foretold = () => this.#builder.foretold(spec, `a quieter mixture of ${spec.id}`)
    if (!mayPass(odds)) return this.#fewTell(whole) ? this.#quieter(spec, await foretold()) : []
    if (isSure(pass) || !this.#budget.plenty) return []
    const noise = await foretold()
    const trial = noise && pool.affords(1) ? await this.#builder.build(spec, noise * INSURANCE) : null
    if (!trial) return []
    await pool.climb(trial)
    if (pool.odds(trial).pass > pass) return [trial]
    pool.note(trial, 'not timed: quieter, and yet no surer to pass')
    return []
  }

  /**
   * What stands by for the best where noise must hold: what it keeps on other rows is never sure, and without these the
   * lossless model is all that is left. Those that were judged on the way to it, and one that is far quieter, unless one
   * is there already.
   */
  async standingBy(best: Trial): Promise<readonly Trial[]> {
    const noise = noiseRatioOf(best)
    const pool = this.#pool
    if (!noise || mayPass(pool.odds(best))) return []
    const farQuieter = (trial: Trial) => (noiseRatioOf(trial) ?? 0) <= noise * QUIETER
    const timed = ({ result }: Trial) => result.p50Ms !== null
    const integers = pool.trials.filter((trial) => trial !== best && isStatic(trial) && pool.secure(trial))
    if (integers.some((trial) => timed(trial) && !pool.hopeless(trial) && farQuieter(trial))) return []
    const whole = this.#builder.wholeOf(best)
    const spec = whole ?? best.built.spec
    const steps = integers.filter(
      (trial) => !timed(trial) && this.#builder.wholeOf(trial) === spec && (noiseRatioOf(trial) ?? 0) < noise,
    )
    for (const trial of steps) pool.withdrawNote(trial)
    if (steps.some(farQuieter)) return steps
    const foretold = whole
      ? best.built.expectedNoise
      : await this.#builder.foretold(spec, `a quieter mixture of ${spec.id}`)
    return [...steps, ...(await this.#quieter(spec, foretold))]
  }

  /**
   * Whether few selection rows speak for it, or the few that nearly all of the noise is of where it is the noise that must
   * hold: they may have been luckier than those that prove.
   */
  #fewTell(trial: Trial): boolean {
    const pool = this.#pool
    const { pass, close } = pool.odds(trial)
    if (isSecure(pass)) return pool.bench.rows.select.indices.length < MANY_ROWS
    // Odds of boxes know how few there are; where none changed, no row has any noise to tell.
    const few = worstOutput(trial.comparison!)?.boxes !== undefined || noiseRows(trial.comparison!) < MANY_ROWS
    return !isCertain(close) && few
  }

  /** A mixture of this candidate that is quieter than what is foretold so much noise, where it is secure. */
  async #quieter(spec: CandidateSpec, expectedNoise: number | null): Promise<readonly Trial[]> {
    if (expectedNoise === null) return []
    const pool = this.#pool
    const budget = expectedNoise * QUIETER
    if (!pool.affords(1)) {
      this.#budget.leaveOut(this.#builder.specOf(spec, budget).id)
      return []
    }
    const built = await this.#builder.build(spec, budget)
    if (!built) return []
    await pool.climb(built)
    if (pool.secure(built)) return [built]
    pool.note(built, 'not timed: not close enough')
    return []
  }
}
