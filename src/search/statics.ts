import { CLOSE_DB, noiseRows } from '../evaluate/index.ts'
import type { CandidateSpec } from '../recipe/index.ts'
import type { RangeMethod } from '../report/index.ts'
import { ALWAYS_JUDGED, type Budget, REFINING, TooLong } from './budget.ts'
import type { BuildsInTime } from './builds-in-time.ts'
import { lookingSeconds } from './looks.ts'
import { settleNoise } from './noise-budget.ts'
import { calibrationSpecs, equalisedSpecs, smoothedSpecs, withNoise } from './plan.ts'
import type { Pool } from './pool.ts'
import { rounded } from './rounded.ts'
import {
  decibelsMissing,
  isClipped,
  isQuiet,
  isStatic,
  isTrained,
  noiseRatioOf,
  quietestFirst,
  SECURE_NOISE,
  SECURE_ODDS,
  type Trial,
} from './trial.ts'

/** Share of the time that must be left for what may help, before what surely does. */
const PLENTY = 1 / 2
/** A budget of noise that holds everything, for what a candidate as it is would be foretold. */
const UNLIMITED = 1e9
/** Odds of a pass from which a mixture that is not secure is timed as well. */
const LIKELY = 1 / 2
const STEP = 'not timed: a step on the way to the fastest mixture that is close enough'
/**
 * What a decibel less noise costs of the goal's figure, by float in places: 1 to 7 % of the time on detectors and
 * recognisers of text.
 */
const DECIBEL = 0.04
/** Noise over signal of which close holds more often than not, where a secure mixture stands by. */
const BRAVE_NOISE = 10 ** (-(CLOSE_DB + 1 / 2) / 10)
/** So many rows tell what others will show; of fewer, a quieter mixture is kept as well, unless so much speaks for it. */
const MANY_ROWS = 32
const CERTAIN = 0.97
const QUIETER = 10 ** (-3 / 10)
/** Odds of a pass from which no insurance is looked for, and how much quieter that is: answers changed by a third. */
const SURE = 0.9
const INSURANCE = 10 ** (-10 / 10)

/**
 * The part of a search that is about static integers. Whatever came first stands: each placement with full ranges is
 * judged before anything dear is begun, and every refinement takes only a share of the time that is left.
 */
export class Statics {
  readonly #pool: Pool
  readonly #budget: Budget
  readonly #builds: BuildsInTime
  /** What was the quietest calibration where all were judged. */
  #quietest: RangeMethod | undefined

  constructor(pool: Pool, budget: Budget, builds: BuildsInTime) {
    this.#pool = pool
    this.#budget = budget
    this.#builds = builds
  }

  /**
   * The placements, the fastest first: the calibrations of each that one reading of the rows gives, then, for those of
   * which none is secure, what is dear, down to the fewest nodes in float that make one so, beginning with the one that
   * is likely to be the fastest when it is quiet enough. So the time does not go into the repair of one while another
   * was never looked at. A placement is looked at closely only while it could still beat what is secure: the lossless
   * model is from the start.
   */
  async settle(trials: readonly Trial[] = this.#pool.trials): Promise<void> {
    const pool = this.#pool
    const placements = pool.inOrder(
      trials.filter((trial) => isStatic(trial) && !isTrained(trial) && !pool.hopeless(trial)),
    )
    await this.#judgeAsTheyAre(placements.filter((trial) => !pool.betterAndSafe(trial)))
    const open: Trial[] = []
    // Of placements that take the same time, as far as a clock can tell, the quieter one is worth the time first.
    await this.#refineWhereWorthIt(pool.inOrderOfPromise(placements), async (first) => {
      const calibrated = await this.#calibrated(first)
      if (pool.secure(calibrated) && isQuiet(calibrated)) await this.#timed(await this.#insured(calibrated))
      else open.push(calibrated)
    })
    await this.#refineWhereWorthIt(this.#inOrderOfRepair(open), async (calibrated) => {
      const quietest = this.#plenty ? await this.#leastNoise(calibrated) : calibrated
      if (pool.secure(quietest)) await this.#timed(await this.#insured(quietest))
      else await this.#repair(quietest)
    })
  }

  /**
   * The fastest is often too loud for any repair, and its many steps would take the time of one that lacks little. Where
   * there is time for mixtures alone, first those whose float is chosen by the time that it takes.
   */
  #inOrderOfRepair(open: readonly Trial[]): readonly Trial[] {
    const byTime = ({ built }: Trial) => this.#plenty || built.spec.pass?.placement === 'balanced'
    const expected = open.map((trial) => ({
      trial,
      figure: this.#pool.figure(trial) * Math.exp(DECIBEL * decibelsMissing(trial)),
      later: byTime(trial) ? 0 : 1,
    }))
    return expected
      .sort((a, b) => a.later - b.later || (a.figure === b.figure ? 0 : a.figure - b.figure))
      .map(({ trial }) => trial)
  }

  /** Refines each in turn that could still beat what is secure then, where there is time; notes why it does not. */
  async #refineWhereWorthIt(trials: readonly Trial[], refine: (trial: Trial) => Promise<void>): Promise<void> {
    for (const trial of trials) {
      const better = this.#pool.betterAndSafe(trial)
      if (better) this.#pool.noteNotNeeded(trial, better)
      else if (this.#budget.left > 0) await refine(trial)
      else {
        this.#budget.leaveOut(`other ranges and mixtures of ${trial.built.spec.id}`)
        if (!trial.comparison) this.#pool.noteNotJudged(trial, 'the time was up')
      }
    }
  }

  /** Whether there is time for what may help, before what surely does. */
  get #plenty(): boolean {
    return this.#budget.left > PLENTY * this.#budget.seconds
  }

  /** What may make a placement secure: other numbers in its kernels first, then float in places. */
  async #repair(calibrated: Trial): Promise<void> {
    const pool = this.#pool
    // What keeps all in integers is tried first where there is time for it: a mixture is slower, but a sure remedy.
    const plenty = this.#plenty
    if (!plenty) {
      const mixtures = await this.#mixed(calibrated)
      await this.#timed(mixtures)
      if (mixtures.some((trial) => pool.secure(trial))) {
        this.#budget.leaveOut(`what would keep all of ${calibrated.built.spec.id} in integers`)
        return
      }
    }
    const siblings = [calibrated, ...(await this.#smoothed(calibrated))]
    const secure = siblings.find((trial) => pool.secure(trial))
    if (secure) return this.#timed(await this.#insured(secure))
    const safest = quietestFirst(siblings)[0]!
    // It is the weights that are coarse in 4 bits, and float beside them makes the file larger.
    const fewBits = safest.built.spec.pass?.weightBits === 4
    if (fewBits && (await this.#rounded(safest))) return
    const mixture = safest !== calibrated || plenty
    await this.#timed([...(await this.#equalised(safest)), ...(mixture ? await this.#mixed(safest) : [])])
    // In 8 bits it seldom brings enough, so what does comes first; where it does, nothing need be in float.
    if (!fewBits) await this.#rounded(safest)
  }

  /** Times what has kernels of its own. */
  async #timed(added: readonly Trial[]): Promise<void> {
    if (added.length > 0) await this.#pool.time(added, this.#budget.timing(8))
  }

  /** Whether learned roundings make it secure. */
  async #rounded(trial: Trial): Promise<boolean> {
    const nearer = await rounded(this.#pool, this.#budget, trial, 'learned')
    return nearer !== null && this.#pool.secure(nearer)
  }

  /** On the first rows, until one is secure: so that something can be handed out, however little time there is. */
  async #judgeAsTheyAre(placements: readonly Trial[]): Promise<void> {
    const pool = this.#pool
    for (const [place, trial] of placements.entries()) {
      const known = placements.slice(0, place).some((other) => other.comparison?.verdict !== 'regressed')
      if (place > 0 && (known || place >= ALWAYS_JUDGED) && !(await pool.affordsJudging([trial]))) return
      await pool.judgeFirstRows(trial)
      if (pool.secure(trial)) return
    }
  }

  /**
   * The quietest calibration of the candidate: all that one reading of the rows gives are built, or none of them. Where
   * there is little time, the one that was the quietest of another placement: it mostly is so of the next as well.
   */
  async #calibrated(first: Trial): Promise<Trial> {
    const specs = calibrationSpecs(first.built.spec).filter(({ calibration }) => calibration !== 'least-noise')
    const known = this.#plenty ? undefined : this.#quietest
    const wanted = known === undefined ? specs : specs.filter(({ calibration }) => calibration === known)
    if (wanted.length < specs.length) this.#budget.leaveOut(`ranges of ${first.built.spec.id} other than ${known}`)
    const others = await this.#refined(wanted)
    for (const trial of others) this.#pool.borrowTiming(trial, first)
    const quietest = await this.#pool.halve([first, ...others])
    if (others.length > 0) this.#quietest ??= quietest.built.spec.calibration
    return quietest
  }

  /**
   * The candidate, or the calibration for which the noise of roundings is measured, which is dear: only where none of the
   * others is quiet enough, and not as time happens to be left.
   */
  async #leastNoise(calibrated: Trial): Promise<Trial> {
    const pool = this.#pool
    const others = calibrationSpecs(calibrated.built.spec)
    const least = others.filter(({ calibration }) => calibration === 'least-noise')
    // The noise of roundings under each of the ranges that it chooses from: as many pieces of work.
    const dear = await this.#refined(least, (REFINING * this.#budget.left) / others.length)
    for (const trial of dear) pool.borrowTiming(trial, calibrated)
    return dear.length === 0 ? calibrated : pool.halve([calibrated, ...dear])
  }

  /** The candidate with outlier channels moved into weights: other numbers in the same kernels, which take the same time. */
  async #smoothed(whole: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    const trials = await this.#refined(smoothedSpecs(whole.built.spec))
    for (const trial of trials) pool.borrowTiming(trial, whole)
    await pool.climbAll(trials)
    return trials
  }

  /** The candidate with channels under scales of their own, where that makes it secure. */
  async #equalised(whole: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    const trials = await this.#refined(equalisedSpecs(whole.built.spec))
    await pool.climbAll(trials)
    // Conversions under a scale a channel are dear: these have times of their own.
    for (const trial of trials) if (!pool.secure(trial)) pool.note(trial, 'not timed: not close enough')
    return trials.filter((trial) => pool.secure(trial))
  }

  /** Builds what there is time to build and to judge; what there is not is told. */
  async #refined(specs: readonly CandidateSpec[], seconds = REFINING * this.#budget.left): Promise<readonly Trial[]> {
    if (specs.length === 0) return []
    if (this.#pool.affords(specs.length)) return this.#builds.orLeaveOut(specs, seconds)
    this.#budget.leaveOut(specs.map(({ id }) => id).join(', '))
    return []
  }

  /** The candidate with as much in float as makes it secure, at the least cost; nothing where that cannot be had. */
  async #mixed(whole: Trial): Promise<readonly Trial[]> {
    if (!whole.comparison) return []
    const pool = this.#pool
    const { spec } = whole.built
    const mixtures = `float where that keeps ${spec.id} quiet`
    const steps: Trial[] = []
    const seen = (trial: Trial, expected: number) => ({
      secure: pool.secure(trial),
      // Where rows of large numbers are cut off, it is not roundings that make the noise of all rows together.
      noise: isClipped(trial) ? null : noiseRatioOf(trial),
      expected,
      trial,
    })
    const expectedNoise = await this.#foretold(spec, mixtures)
    if (!expectedNoise) return []
    const best = await settleNoise(SECURE_NOISE, seen(whole, expectedNoise), async (budget) => {
      if (!pool.affords(1)) {
        this.#budget.leaveOut(`more of ${mixtures}`)
        return null
      }
      const trial = await pool.build(withNoise(spec, budget))
      if (!trial) return null
      pool.note(trial, STEP)
      await pool.climb(trial)
      steps.push(trial)
      return seen(trial, trial.built.expectedNoise ?? budget)
    })
    if (best) await this.#braver(spec, best.trial, steps)
    // With more in integers than the secure one, and it may well hold all the same.
    const foretoldNoise = ({ built }: Trial) => built.expectedNoise ?? 0
    const likely = steps.filter(
      (trial) => this.#mayHold(trial, best?.trial) && foretoldNoise(trial) > (best ? foretoldNoise(best.trial) : 0),
    )
    const kept = [...quietestFirst(likely).slice(-1), ...(best ? [best.trial] : [])]
    for (const trial of kept) pool.withdrawNote(trial)
    if (!best || !this.#fewTell(best.trial)) return kept
    return [...kept, ...(await this.#quieter(spec, best.trial.built.expectedNoise))]
  }

  /** More likely than not to pass; to stay close where the secure mixture, to fall back on, cannot pass either. */
  #mayHold(trial: Trial, secure: Trial | undefined): boolean {
    const { pass, close } = this.#pool.odds(trial)
    return pass >= LIKELY || (secure !== undefined && this.#pool.odds(secure).pass === 0 && close >= LIKELY)
  }

  /** Adds to the steps, where only noise counts, one without the reserve that the secure mixture keeps. */
  async #braver(spec: CandidateSpec, secure: Trial, steps: Trial[]): Promise<void> {
    const pool = this.#pool
    const [noise, foretold] = [noiseRatioOf(secure), secure.built.expectedNoise]
    if (!noise || !foretold || pool.odds(secure).pass > 0) return
    const budget = (foretold * BRAVE_NOISE) / noise
    const louder = steps.some((trial) => !pool.secure(trial) && (trial.built.expectedNoise ?? 0) <= budget)
    if (louder || !pool.affords(1)) return
    const trial = await pool.build(withNoise(spec, budget))
    if (!trial) return
    pool.note(trial, STEP)
    await pool.climb(trial)
    steps.push(trial)
  }

  /**
   * A quieter mixture beside one that may well fail. By labels a much quieter one, to prove before it: answers change in
   * proportion to the noise, and where one too many does, only what stands before it in the proof is handed out; only
   * where there is plenty of time. Where the noise must hold, one to fall back on.
   */
  async #insured(whole: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    const { pass } = pool.odds(whole)
    const { spec } = whole.built
    const foretold = () => this.#foretold(spec, `a quieter mixture of ${spec.id}`)
    if (pass === 0) return this.#fewTell(whole) ? this.#quieter(spec, await foretold()) : []
    if (pass >= SURE || !this.#plenty) return []
    const noise = await foretold()
    const trial = noise && pool.affords(1) ? await pool.build(withNoise(spec, noise * INSURANCE)) : null
    if (!trial) return []
    await pool.climb(trial)
    if (pool.odds(trial).pass > pass) return [trial]
    pool.note(trial, 'not timed: no surer to pass')
    return []
  }

  /** What the roundings of a candidate as it is are foretold to add up to; null where there is no time to measure it. */
  async #foretold(spec: CandidateSpec, what: string): Promise<number | null> {
    const { bench } = this.#pool
    const kernels = lookingSeconds(bench.seen, 0, true)
    if (this.#pool.affords(1) && kernels <= REFINING * this.#budget.left)
      try {
        const { expectedNoise } = await this.#budget.granting(REFINING * this.#budget.left, () =>
          bench.build(withNoise(spec, UNLIMITED)),
        )
        return expectedNoise
      } catch (error) {
        if (!(error instanceof TooLong)) throw error
      }
    this.#budget.leaveOut(what)
    return null
  }

  /**
   * Whether few selection rows speak for it, or the few that nearly all of the noise is of where it is the noise that must
   * hold: they may have been luckier than those that prove.
   */
  #fewTell(trial: Trial): boolean {
    const pool = this.#pool
    const { pass, close } = pool.odds(trial)
    if (pass >= SECURE_ODDS) return pool.bench.rows.select.indices.length < MANY_ROWS
    return close < CERTAIN && noiseRows(trial.comparison!) < MANY_ROWS
  }

  /** A mixture of this candidate that is quieter than what is foretold so much noise, where it is secure. */
  async #quieter(spec: CandidateSpec, expectedNoise: number | null): Promise<readonly Trial[]> {
    if (expectedNoise === null) return []
    const pool = this.#pool
    const quieter = withNoise(spec, expectedNoise * QUIETER)
    if (!pool.affords(1)) {
      this.#budget.leaveOut(quieter.id)
      return []
    }
    const built = await pool.build(quieter)
    if (!built) return []
    await pool.climb(built)
    if (pool.secure(built)) return [built]
    pool.note(built, 'not timed: not close enough')
    return []
  }
}
