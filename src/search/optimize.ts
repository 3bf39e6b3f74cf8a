import { type Dataset, diskCache, type Model, Workbench } from '../recipe/index.ts'
import type { ComparisonReport } from '../report/index.ts'
import { type Choice, chooseByProof, type Proven } from './choose.ts'
import { type Contender, finalists } from './finalists.ts'
import type { Goal } from './goal.ts'
import { settleNoise } from './noise-budget.ts'
import type { Optimized, OptimizeOptions } from './options.ts'
import {
  calibrationSpecs,
  dataFreeSpecs,
  equalisedSpecs,
  hasRecurrent,
  placementSpecs,
  smoothedSpecs,
  withNoise,
} from './plan.ts'
import { Pool } from './pool.ts'
import { WORTH_IT, worthMore } from './preference.ts'
import { reportOn } from './report-on.ts'
import { mustBeOthers, trainStudents } from './students.ts'
import { isStatic, isTrained, promising, SECURE_NOISE, safetyOf, secure, type Trial, worstNoiseOf } from './trial.ts'

/** Finalists that may touch the proof rows. */
const FINALISTS = 4
const DEFAULT_TIME = 300_000
/** Share of the time that training may take. */
const TRAINING = 0.5
/** Candidates that are judged even when the time is up: without a verdict nothing can be handed out. */
const ALWAYS_JUDGED = 3
const TIME_UP =
  'the time was up before everything was tried: the same command goes on from there and may choose another candidate'
/** A budget of noise that holds everything, for what a candidate as it is would be foretold. */
const UNLIMITED = 1e9
/** So many rows tell what others will show; of fewer, a quieter mixture is kept as well. */
const MANY_ROWS = 32
const QUIETER = 10 ** (-3 / 10)

/**
 * Plans candidates, builds them, times them side by side with the original, judges them on the selection rows, proves
 * the finalists on rows that nothing else has touched, and chooses. What is handed out was measured better in the goal
 * and passed; else it is the lossless model, or the original, with the reason.
 */
export async function optimize(model: Model, data: Dataset, options: OptimizeOptions = {}): Promise<Optimized> {
  const run = new Optimization(model, data, options)
  return run.go()
}

class Optimization {
  readonly #model: Model
  readonly #data: Dataset
  readonly #options: OptimizeOptions
  readonly #elapsed: Record<string, number> = {}
  readonly #started = performance.now()
  #pool!: Pool
  #tensors: Optimized['tensors'] = new Map()

  constructor(model: Model, data: Dataset, options: OptimizeOptions) {
    this.#model = model
    this.#data = data
    this.#options = options
  }

  async go(): Promise<Optimized> {
    const { margin = 0.01, alpha = 0.05, seed = 0, threads = 1, target = 'native', cache = diskCache() } = this.#options
    const { calibration, proof, onProgress } = this.#options
    const bench = await this.#phase('reading', () =>
      Workbench.open(this.#model, this.#data, {
        ...this.#options,
        margin,
        alpha,
        seed,
        threads,
        target,
        cache,
        calibrationData: calibration,
        proofData: proof,
      }),
    )
    this.#pool = new Pool(bench, goalOf(this.#options), (text) => onProgress?.(text), this.#options.workers)
    try {
      if (this.#options.trainData) await mustBeOthers(bench, this.#options.trainData)
      await this.#phase('building', () => this.#buildFirst())
      await this.#phase('timing', () => this.#pool.time(this.#pool.trials, this.#seconds(20)))
      if (this.#options.trainData) await this.#phase('training', () => this.#train(this.#options.trainData!))
      await this.#phase('integers', () => this.#settleStatics())
      await this.#phase('judging', () => this.#judgeOthers())
      const choice = await this.#phase('proving', async () => this.#confirm(await this.#prove()))
      return await this.#phase('reporting', () => this.#report(choice))
    } finally {
      await bench.close()
    }
  }

  async #phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#options.signal?.throwIfAborted()
    this.#options.onProgress?.(name)
    const from = performance.now()
    const result = await work()
    this.#elapsed[name] = Math.round(performance.now() - from) / 1000
    return result
  }

  /** Asked before whatever could be left out; that something was is told. */
  get #timeLeft(): boolean {
    const left = performance.now() - this.#started < (this.#options.time ?? DEFAULT_TIME)
    if (!left && !this.#pool.warnings.includes(TIME_UP)) this.#pool.warnings.push(TIME_UP)
    return left
  }

  /** What one timing may take, in seconds: less than `most` where little time was given in all. */
  #seconds(most: number): number {
    return Math.min(most, (this.#options.time ?? DEFAULT_TIME) / 1000 / 6)
  }

  readonly #secure = (trial: Trial) => secure(trial, this.#pool.bench.rows.prove.indices.length)

  async #buildFirst(): Promise<void> {
    const { bench, goal, warnings } = this.#pool
    await this.#pool.build({ id: 'lossless', words: 'same answers from fewer operators' })
    const [measured, ...placements] =
      bench.rows.calibrate.indices.length > 0 ? placementSpecs(hasRecurrent(bench.inspection)) : []
    // By itself: for this one the kernels of the model are timed, and then known to all others.
    if (measured) await this.#pool.build(measured)
    else warnings.push('static int8 was not tried: there is no row to calibrate on')
    await this.#pool.buildAll([
      ...placements,
      ...dataFreeSpecs(bench.inspection, goal.name === 'size' || goal.maxBytes !== undefined),
    ])
  }

  /** Students of the model, timed and judged: half of the time in all is theirs. */
  async #train(trainData: Dataset): Promise<void> {
    const pool = this.#pool
    const seconds = ((this.#options.time ?? DEFAULT_TIME) / 1000) * TRAINING
    const { trials, tensors } = await trainStudents(pool, trainData, { ...this.#options, seconds })
    this.#tensors = tensors
    await pool.time(trials, this.#seconds(20))
    for (const trial of trials) if (!pool.hopeless(trial)) await pool.climb(trial)
  }

  /**
   * Static integers, the fastest placement first: its calibrations, and where none of them is secure, the fewest nodes
   * in float that make one so. A slower placement is looked at only while it could still beat what is secure.
   */
  async #settleStatics(): Promise<void> {
    const pool = this.#pool
    const placements = byFigure(
      pool,
      pool.trials.filter((trial) => isStatic(trial) && !isTrained(trial) && !pool.hopeless(trial)),
    )
    let best: Trial | null = null
    const better = (trial: Trial) => best === null || pool.figure(trial) < pool.figure(best)
    for (const [place, first] of placements.entries()) {
      if (best && pool.figure(first) >= WORTH_IT * pool.figure(best)) {
        pool.note(first, notNeeded(best))
        continue
      }
      if (!this.#timeLeft && place >= ALWAYS_JUDGED) {
        pool.note(first, 'not judged: the time was up')
        continue
      }
      const calibrated = await this.#calibrated(first)
      const siblings = calibrated.some(this.#secure)
        ? calibrated
        : [...calibrated, ...(await this.#smoothed(bestOf(calibrated)))]
      const safe = siblings.filter(this.#secure)
      if (safe.length > 0) {
        best = bestOf(safe)
        continue
      }
      const safest = bestOf(siblings)
      const added = [...(await this.#equalised(safest)), ...(await this.#mixed(safest))]
      if (added.length === 0) continue
      await pool.time(added, this.#seconds(8))
      for (const trial of added) if (!pool.hopeless(trial) && better(trial)) best = trial
    }
  }

  /** The candidate with every calibration, judged. */
  async #calibrated(first: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    const going = () => this.#timeLeft
    const others = await pool.buildAll(calibrationSpecs(first.built.spec), going)
    for (const trial of others) pool.borrowTiming(trial, first)
    return pool.halve([first, ...others], going)
  }

  /** The candidate with outlier channels moved into weights: other numbers in the same kernels, which take the same time. */
  async #smoothed(whole: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    const trials = await pool.buildAll(smoothedSpecs(whole.built.spec), () => this.#timeLeft)
    for (const trial of trials) pool.borrowTiming(trial, whole)
    await pool.climbAll(trials)
    return trials
  }

  /** The candidate with channels under scales of their own, where that makes it secure. */
  async #equalised(whole: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    const trials = await pool.buildAll(equalisedSpecs(whole.built.spec), () => this.#timeLeft)
    await pool.climbAll(trials)
    // Conversions under a scale a channel are dear: these have times of their own.
    for (const trial of trials) if (!this.#secure(trial)) pool.note(trial, 'not timed: not close enough')
    return trials.filter(this.#secure)
  }

  /** The candidate with as much in float as makes it secure, at the least cost; nothing where that cannot be had. */
  async #mixed(whole: Trial): Promise<readonly Trial[]> {
    if (!whole.comparison || !this.#timeLeft) return []
    const pool = this.#pool
    const { spec } = whole.built
    const seen = (trial: Trial, expected: number) => ({
      secure: this.#secure(trial),
      noise: worstNoiseOf(trial),
      expected,
      trial,
    })
    const { expectedNoise } = await pool.bench.build(withNoise(spec, UNLIMITED))
    if (!expectedNoise) return []
    const best = await settleNoise(SECURE_NOISE, seen(whole, expectedNoise), async (budget) => {
      if (!this.#timeLeft) return null
      const trial = await pool.build(withNoise(spec, budget))
      if (!trial) return null
      pool.note(trial, 'not timed: a step on the way to the fastest mixture that is close enough')
      await pool.climb(trial)
      return seen(trial, trial.built.expectedNoise ?? budget)
    })
    if (!best) return []
    const { note: _, ...result } = best.trial.result
    best.trial.result = result
    return [best.trial, ...(await this.#quieter(best.trial))]
  }

  /** A still quieter one, for the case that a few selection rows were luckier than those that prove. */
  async #quieter({ built: { spec } }: Trial): Promise<readonly Trial[]> {
    const pool = this.#pool
    if (pool.bench.rows.select.indices.length >= MANY_ROWS || !spec.noiseBudget || !this.#timeLeft) return []
    const trial = await pool.build(withNoise(spec, spec.noiseBudget * QUIETER))
    if (!trial) return []
    await pool.climb(trial)
    return this.#secure(trial) ? [trial] : []
  }

  /** The other schemes, the best in the goal first, so that the time goes where it decides something. */
  async #judgeOthers(): Promise<void> {
    const pool = this.#pool
    const others = pool.trials.filter(
      (trial) => !isStatic(trial) && !isTrained(trial) && trial.built.spec.id !== 'lossless' && !pool.hopeless(trial),
    )
    const bars = pool.trials.filter(this.#secure)
    for (const [place, trial] of byFigure(pool, others).entries()) {
      const bar = bars.find((other) => !worthMore(pool.standing(trial), pool.standing(other)))
      if (bar) pool.note(trial, notNeeded(bar))
      else if (place >= ALWAYS_JUDGED && !this.#timeLeft) pool.note(trial, 'not judged: the time was up')
      else await pool.climb(trial)
    }
  }

  /** Finalists from all selection rows, proven in their fixed order. */
  async #prove(): Promise<Choice> {
    const pool = this.#pool
    const { lossless, bench } = pool
    const selectable = bench.rows.select.indices.length
    const contenders = () =>
      pool.trials
        .filter(
          (trial) =>
            trial !== lossless &&
            !trial.dropped &&
            trial.result.p50Ms !== null &&
            !pool.hopeless(trial) &&
            (trial.comparison === null ? selectable === 0 : promising(trial)) &&
            (!lossless || worthMore(pool.standing(trial), pool.standing(lossless))),
        )
        .map((trial): Contender => contenderOf(pool, trial, safetyOf(trial)))
    if (selectable > pool.rungs.at(-1)!)
      for (const { id } of finalists(contenders(), FINALISTS)) await pool.judge(pool.get(id))
    const chain = finalists(contenders(), FINALISTS)
    const first = lossless && this.#worthIt(lossless) ? [contenderOf(pool, lossless, Number.POSITIVE_INFINITY)] : []
    return chooseByProof([...first, ...chain], (id) => this.#proofOf(pool.get(id)), {
      provenOnly: this.#options.provenOnly ?? false,
    })
  }

  /** The lossless model is handed out unless it looks slower, if only within the error, and is no smaller either. */
  #worthIt(lossless: Trial): boolean {
    const pool = this.#pool
    const { ratio, bytes, loadMs } = lossless.result
    const before = pool.baseline!
    const timed = pool.goal.name === 'latency' || pool.goal.name === 'cost'
    if (!pool.fitsGoal(lossless)) {
      lossless.result.note ??
        pool.note(lossless, timed ? 'not shown to be as fast as the original' : 'not better in the goal')
      return false
    }
    const gains =
      !timed ||
      ratio!.median <= 1 ||
      (bytes !== null && bytes < 0.98 * before.bytes) ||
      (loadMs !== null && loadMs < 0.9 * before.loadMs)
    if (!gains) pool.note(lossless, 'nothing gained: about as fast, as large and as quick to load as the original')
    return gains
  }

  /** Judges on the proof rows; the verdict takes the place of the one from the selection rows. */
  async #proofOf(trial: Trial): Promise<ComparisonReport> {
    const proof = await this.#pool.bench.judge(trial.built, 'prove')
    trial.result = { ...trial.result, verdict: proof.verdict, grade: proof.grade }
    return proof
  }

  /** Times the chosen one alone against the original once more: the promise is about this very file. Else the next. */
  async #confirm(choice: Choice): Promise<Choice> {
    const pool = this.#pool
    const failed: string[] = []
    for (const next of choice.ranked) {
      const trial = pool.get(next.id)
      await pool.time([trial], this.#seconds(15), 'confirm')
      if (pool.fitsGoal(trial) && (next.id !== 'lossless' || this.#worthIt(trial)))
        return failed.length === 0 ? choice : { ...choice, ...next, reason: unconfirmed(failed, next) }
      pool.note(trial, 'not confirmed: not better than the original when timed again alone')
      failed.push(next.id)
    }
    return failed.length === 0 ? choice : { ranked: [], id: 'original', proof: null, reason: unconfirmed(failed, null) }
  }

  async #report(choice: Choice): Promise<Optimized> {
    const pool = this.#pool
    if (!pool.baseline) await pool.time([], this.#seconds(5))
    if (choice.proof && pool.baseline!.metric === null) pool.noteMetric(choice.proof)
    return reportOn({
      pool,
      options: this.#options,
      choice,
      data: this.#data,
      elapsed: this.#elapsed,
      tensors: this.#tensors,
    })
  }
}

function goalOf({ goal = 'latency', maxBytes, maxP99Ms, maxRssBytes }: OptimizeOptions): Goal {
  return {
    name: goal,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(maxP99Ms === undefined ? {} : { maxP99Ms }),
    ...(maxRssBytes === undefined ? {} : { maxRssBytes }),
  }
}

const notNeeded = ({ built }: Trial) => `not judged: ${built.spec.id} is better in the goal and looks safe`
const byFigure = (pool: Pool, trials: readonly Trial[]) => [...trials].sort((a, b) => pool.figure(a) - pool.figure(b))
const bestOf = (trials: readonly Trial[]) => [...trials].sort((a, b) => safetyOf(b) - safetyOf(a))[0]!
const contenderOf = (pool: Pool, trial: Trial, safety: number): Contender => ({
  id: trial.built.spec.id,
  ...pool.standing(trial),
  safety,
})

const unconfirmed = (failed: readonly string[], next: Proven | null) =>
  `${failed.join(', ')} ${failed.length > 1 ? 'were' : 'was'} not confirmed to be better when timed again alone, so ${
    next
      ? `${next.id}, the next best that ${next.proof.verdict === 'pass' ? 'passed' : 'stays close'},`
      : 'the original'
  } is handed out.`
