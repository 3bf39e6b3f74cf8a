import type { CandidateSpec } from '../recipe/index.ts'
import type { RangeMethod } from '../report/index.ts'
import { isLikely, whatCounts } from './assurance.ts'
import { ALWAYS_JUDGED, type Budget } from './budget.ts'
import type { BuildsInTime } from './builds-in-time.ts'
import { figureMended } from './figure-mended.ts'
import type { Mixtures } from './mixtures.ts'
import { calibrationSpecs, equalisedSpecs, smoothedSpec } from './plan.ts'
import type { Pool } from './pool.ts'
import { rounded } from './rounded.ts'
import {
  decibelsMissing,
  FAR_DECIBELS,
  isPlainStatic,
  isQuiet,
  isStatic,
  isWorse,
  quietestFirst,
  type Trial,
} from './trial.ts'

/** Share of the time left that trying equalised channels may take where a mixture will be needed all the same. */
const LOOKING = 1 / 4
/** How many of those that are not secure are timed in the end. */
const LIKELY_TIMED = 2
/** Operators whose weights can take over outlier channels. */
const SMOOTHED: ReadonlySet<string> = new Set(['MatMul', 'Gemm'])

/**
 * The part of a search that is about static integers. Each placement with full ranges is judged before anything
 * expensive begins, and every refinement takes only a share of the time that is left, so there is always a result to
 * fall back on.
 */
export class Statics {
  readonly #pool: Pool
  readonly #budget: Budget
  readonly #builds: BuildsInTime
  readonly #mixtures: Mixtures
  /** The quietest calibration, once all were judged. */
  #quietest: RangeMethod | undefined
  /** Whether equalised channels brought a placement near to secure; undefined until that was tried. */
  #equalisingHelps: boolean | undefined
  /** Whether there is anything to smooth; asked once, since the same layers read the same values in every placement. */
  #smoothable: boolean | undefined

  constructor(pool: Pool, budget: Budget, builds: BuildsInTime, mixtures: Mixtures) {
    this.#pool = pool
    this.#budget = budget
    this.#builds = builds
    this.#mixtures = mixtures
  }

  /**
   * Tries the placements, the fastest first, each with the calibrations that one reading of the rows gives. Those that
   * are secure then are timed and so worth proving. Returns the others, first the one that is likely to be the fastest
   * once it is quiet enough. A placement is refined only while it could still beat a secure candidate, as the lossless
   * model is from the start.
   */
  async settle(trials: readonly Trial[] = this.#pool.trials): Promise<readonly Trial[]> {
    const pool = this.#pool
    const placements = pool.inOrder(trials.filter((trial) => isPlainStatic(trial) && !pool.hopeless(trial)))
    await this.#judgeAsTheyAre(placements.filter((trial) => !pool.betterAndSafe(trial)))
    const open: Trial[] = []
    // Among placements of the same speed, as far as timing can tell, the quieter one is refined first.
    await this.#refineWhereWorthIt(pool.inOrderOfPromise(placements), async (first) => {
      const calibrated = await this.#unlessMixedNow(first, first, () => this.#calibrated(first), {
        what: 'other ranges',
        seconds: this.#budget.refining,
      })
      if (pool.secure(calibrated) && isQuiet(calibrated))
        await this.#mixtures.timed(await this.#mixtures.insured(calibrated))
      else open.push(calibrated)
    })
    return this.#inOrderOfRepair(open)
  }

  /**
   * The expensive part, for each of these in turn: finds the fewest nodes in float that make it secure. Every placement
   * was tried before, so that no time goes into repairing one while another was never seen.
   */
  async repair(open: readonly Trial[]): Promise<void> {
    await this.#refineWhereWorthIt(open, async (calibrated) => {
      const quietest = this.#budget.plenty ? await this.#leastNoise(calibrated) : calibrated
      if (this.#pool.secure(quietest)) await this.#mixtures.timed(await this.#mixtures.insured(quietest))
      else await this.#repaired(quietest)
    })
  }

  /**
   * Where no static candidate came out secure, times those that may well pass all the same; otherwise those in reserve
   * for the best one. Where no candidate at all is secure, the rest of the time goes to the most promising mixture that
   * was left out for want of time.
   */
  async lastResort(): Promise<void> {
    const pool = this.#pool
    const others = pool.trials.filter((trial) => trial !== pool.lossless && !pool.hopeless(trial))
    const secure = others.filter((trial) => pool.secure(trial))
    if (!secure.some(isStatic)) await this.#timeLikely()
    const [best] = pool.inOrder(secure.filter(isPlainStatic))
    if (best && this.#budget.left > 0) await this.#mixtures.timed(await this.#mixtures.standingBy(best))
    const [first] = this.#inOrderOfRepair(this.#mixtures.leftOut)
    if (!first || secure.length > 0) return
    this.#budget.spendOnLast()
    await this.#mixtures.timed(await this.#mixtures.of(first))
  }

  /**
   * Times the quietest of those that were not worth it while there was hope for surer ones. Otherwise only the lossless
   * model and weight-only ones, which are seldom faster, would be left.
   */
  async #timeLikely(): Promise<void> {
    const pool = this.#pool
    const judged = pool.trials.filter((trial) => isStatic(trial) && trial.comparison !== null)
    const what = whatCounts(judged.map((trial) => pool.odds(trial)))
    const likely = judged.filter(
      (trial) => trial.result.p50Ms === null && !trial.dropped && isLikely(pool.odds(trial)[what]),
    )
    const quietest = quietestFirst(likely).slice(0, LIKELY_TIMED)
    for (const trial of quietest) pool.withdrawNote(trial)
    await this.#mixtures.timed(quietest)
  }

  /**
   * The fastest is often too noisy for any repair, which would take the time from one that lacks little. Where there is
   * time for mixtures only, those placed by time come first.
   */
  #inOrderOfRepair(open: readonly Trial[]): readonly Trial[] {
    const byTime = ({ built }: Trial) => this.#budget.plenty || built.spec.pass?.placement === 'balanced'
    const expected = open.map((trial) => ({
      trial,
      figure: figureMended(this.#pool, trial),
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

  /**
   * What a refinement of this one gives, which takes so many seconds; `otherwise`, and told, where nothing but float in
   * places is likely to keep it quiet, and a refinement before that might take the time for it.
   */
  async #unlessMixedNow<T>(
    trial: Trial,
    otherwise: T,
    refine: () => Promise<T>,
    { what, seconds }: { readonly what: string; readonly seconds: number },
  ): Promise<T> {
    const { left } = this.#budget
    const little = seconds <= LOOKING * left
    if (little || decibelsMissing(trial) < FAR_DECIBELS || left - seconds >= this.#mixtures.seconds) return refine()
    this.#budget.leaveOut(`${what} of ${trial.built.spec.id} before float in it`)
    return otherwise
  }

  /** What may make a placement secure: other numbers in its kernels first, then float in places. */
  async #repaired(calibrated: Trial): Promise<void> {
    const pool = this.#pool
    // What keeps all in integers is tried first where there is time for it: a mixture is slower, but a sure remedy.
    const plenty = this.#budget.plenty
    if (!plenty) {
      const equalised =
        this.#equalisingHelps === false
          ? []
          : await this.#unlessMixedNow(calibrated, [], () => this.#equalised(calibrated), {
              what: 'equalised channels',
              seconds: pool.firstRowsSeconds(equalisedSpecs(calibrated.built.spec).length),
            })
      const held = equalised.filter((trial) => pool.secure(trial))
      // Where it was nearly enough, the rest takes less in float.
      const added = held.length > 0 ? held : await this.#mixtures.of(farQuieter(equalised, calibrated))
      await this.#mixtures.timed(added)
      if (added.some((trial) => pool.secure(trial))) {
        this.#budget.leaveOut(`what else would keep ${calibrated.built.spec.id} quiet`)
        return
      }
    }
    const siblings = [calibrated, ...(await this.#smoothed(calibrated))]
    const secure = siblings.find((trial) => pool.secure(trial))
    if (secure) return this.#mixtures.timed(await this.#mixtures.insured(secure))
    const safest = quietestFirst(siblings)[0]!
    // It is the weights that are coarse in 4 bits, and float beside them makes the file larger.
    const fewBits = safest.built.spec.pass?.weightBits === 4
    if (fewBits && (await this.#rounded(safest))) return
    const mixture = safest !== calibrated || plenty
    const equalised = plenty ? await this.#equalised(safest) : []
    const held = equalised.filter((trial) => pool.secure(trial))
    const mixed = mixture ? await this.#mixtures.of(held.length > 0 ? safest : farQuieter(equalised, safest)) : []
    await this.#mixtures.timed([...held, ...mixed])
    // In 8 bits it seldom brings enough, so what does comes first; where it does, nothing need be in float.
    if (!fewBits) await this.#rounded(safest)
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
      const known = placements.slice(0, place).some((other) => !isWorse(other))
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
    const known = this.#budget.plenty ? undefined : this.#quietest
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
    const dear = await this.#refined(least, this.#budget.refining / others.length)
    for (const trial of dear) pool.borrowTiming(trial, calibrated)
    return dear.length === 0 ? calibrated : pool.halve([calibrated, ...dear])
  }

  /**
   * The candidate with outlier channels moved into weights: other numbers in the same kernels, which take the same time,
   * unless values that others read are multiplied back.
   */
  async #smoothed(whole: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    this.#smoothable ??= (await pool.bench.forProducts()).graph.nodes.some(({ opType }) => SMOOTHED.has(opType))
    if (!this.#smoothable) return []
    const spec = smoothedSpec(whole.built.spec)
    const trials = await this.#refined([spec])
    if (whole.result.alsoMadeAs?.includes(spec.id)) this.#smoothable = false
    const nodes = ({ built }: Trial) => built.model.graph.nodes.length
    const longer = trials.filter((trial) => nodes(trial) > nodes(whole))
    for (const trial of trials) if (!longer.includes(trial)) pool.borrowTiming(trial, whole)
    await pool.climbAll(trials)
    await this.#mixtures.timed(longer.filter((trial) => pool.secure(trial)))
    for (const trial of longer) if (!pool.secure(trial)) pool.note(trial, 'not timed: not close enough')
    return trials
  }

  /**
   * The candidate with channels under scales of their own. Whether that brings it near to secure is remembered: channels
   * that differ much in size do so in every placement, and others need not be tried in a hurry.
   */
  async #equalised(whole: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    const trials = await this.#refined(equalisedSpecs(whole.built.spec))
    await pool.climbAll(trials)
    // Conversions under a scale a channel are dear: these have times of their own.
    for (const trial of trials) if (!pool.secure(trial)) pool.note(trial, 'not timed: not close enough')
    if (trials.length > 0)
      this.#equalisingHelps = trials.some((trial) => pool.secure(trial)) || farQuieter(trials, whole) !== whole
    return trials
  }

  /** Builds what there is time to build and to judge; what there is not is told. */
  async #refined(specs: readonly CandidateSpec[], seconds = this.#budget.refining): Promise<readonly Trial[]> {
    if (specs.length === 0) return []
    if (this.#pool.affords(specs.length)) return this.#builds.orLeaveOut(specs, seconds)
    this.#budget.leaveOut(specs.map(({ id }) => id).join(', '))
    return []
  }
}

/** The quietest of these where it is far quieter than the candidate, else that: by so much less noise it may be slower. */
function farQuieter(trials: readonly Trial[], whole: Trial): Trial {
  const [best] = quietestFirst(trials)
  return best && decibelsMissing(whole) - decibelsMissing(best) >= FAR_DECIBELS ? best : whole
}
