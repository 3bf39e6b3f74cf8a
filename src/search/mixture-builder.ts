import { type CandidateSpec, NOISE_RUNS } from '../recipe/index.ts'
import { type Budget, quarteredWithin, TooLong } from './budget.ts'
import { withNoise } from './plan.ts'
import type { Pool } from './pool.ts'
import { followingSeconds, lookingSeconds, mixingSeconds } from './time-estimates.ts'
import type { Trial } from './trial.ts'

/** A budget of noise that holds everything, for what a candidate as it is would be foretold. */
const UNLIMITED = 1e9
/** The fewest runs that still tell what roundings do: each to ±50 %. */
const FEWEST_NOISE_RUNS = 8
/**
 * Share of what is left that mixing may take where kernels are timed for it and roundings are not followed yet, which may
 * take longer: what kernels tell must be built and judged.
 */
const BY_KERNELS = 3 / 4
/** Mixtures that are built and judged at the least for what kernels tell to be worth it. */
const MIXTURES = 2

/**
 * Makes mixtures of float and integers as well as there is time for: how many runs tell what roundings do, and whether
 * kernels are timed for it, is settled by the first and kept for all, so that they can be told apart.
 */
export class MixtureBuilder {
  readonly #pool: Pool
  readonly #budget: Budget
  readonly #wholes = new Map<Trial, CandidateSpec>()
  /** Runs that there is time for; what did not fit once is not tried again. */
  #noiseRuns: number | undefined
  /** Whether what roundings do was followed already. */
  #followed = false
  /** Whether the time that float saves is what kernels take here; else formulas must do. */
  #measuredCosts: boolean | undefined

  constructor(pool: Pool, budget: Budget) {
    this.#pool = pool
    this.#budget = budget
  }

  /** Seconds that the first mixture takes at the least, where nobody has measured anything for one yet. */
  get seconds(): number {
    return mixingSeconds(this.#pool.bench.seen, this.#noiseRuns ?? FEWEST_NOISE_RUNS, !this.#costsAreSeen)
  }

  /** The mixture of a budget of noise; null where it equals another. */
  async build(whole: CandidateSpec, budget: number): Promise<Trial | null> {
    const trial = await this.#pool.build(this.specOf(whole, budget))
    if (trial) this.#wholes.set(trial, whole)
    return trial
  }

  /** What a mixture is one of: all that was asked for in integers; undefined where it is none. */
  wholeOf(mixture: Trial): CandidateSpec | undefined {
    return this.#wholes.get(mixture)
  }

  /** The mixture of a budget of noise, before it is built. */
  specOf(whole: CandidateSpec, budget: number): CandidateSpec {
    if (this.#measuredCosts === undefined) {
      this.#measuredCosts = this.#costsAreSeen || this.#byKernels <= this.#budget.left
      if (!this.#measuredCosts) this.#budget.leaveOut('mixtures by what kernels take here')
    }
    return this.#specOf(whole, budget, this.#measuredCosts)
  }

  #specOf(whole: CandidateSpec, budget: number, measuredCosts: boolean): CandidateSpec {
    const { seen } = this.#pool.bench
    const { refining } = this.#budget
    const fitting = () => quarteredWithin(NOISE_RUNS, refining / followingSeconds(seen, 1), FEWEST_NOISE_RUNS)
    const runs = this.#noiseRuns ?? this.#inRuns(fitting())
    const mixture = withNoise(whole, budget, measuredCosts)
    return runs < NOISE_RUNS ? { ...mixture, noiseRuns: runs } : mixture
  }

  /**
   * Seconds that must be left for mixing where kernels are timed for it: once what roundings do is known, just that, and
   * what it takes to build and judge the first mixtures by what rows took so far.
   */
  get #byKernels(): number {
    const { seen } = this.#pool.bench
    if (!this.#followed) return mixingSeconds(seen, FEWEST_NOISE_RUNS, true) / BY_KERNELS
    return lookingSeconds(seen, 0, true) + this.#pool.firstRowsSeconds(MIXTURES)
  }

  /**
   * What the roundings of a candidate as it is are foretold to add up to, as noise over signal; null where there is no time
   * to measure it, so that `what` is left out.
   */
  async foretold(whole: CandidateSpec, what: string): Promise<number | null> {
    const { bench } = this.#pool
    while (this.#pool.affords(1)) {
      // By measured costs more may be integer than the candidate has, such as probabilities: not its own noise.
      const mixture = this.#specOf(whole, UNLIMITED, whole.measuredCosts ?? false)
      const runs = mixture.noiseRuns ?? NOISE_RUNS
      const built = await this.#budget.granting(this.#budget.refining, () => bench.build(mixture))
      if (!(built instanceof TooLong)) {
        this.#followed = true
        return built.expectedNoise
      }
      const fewer = quarteredWithin(NOISE_RUNS, runs * built.share, FEWEST_NOISE_RUNS)
      if (built.work !== 'roundings' || fewer >= runs) break
      this.#inRuns(fewer)
    }
    this.#budget.leaveOut(what)
    return null
  }

  #inRuns(runs: number): number {
    this.#noiseRuns = runs
    if (runs < NOISE_RUNS) this.#budget.leaveOut(`what roundings do in more than ${runs} runs`)
    return runs
  }

  /** Whether what kernels take here was measured for a candidate. */
  get #costsAreSeen(): boolean {
    return this.#pool.trials.some(({ built }) => built.spec.measuredCosts)
  }
}
