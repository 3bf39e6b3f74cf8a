import {
  type CandidateSpec,
  type Dataset,
  diskCache,
  FILLING_SECONDS,
  KERNEL_WORK,
  type Model,
  Workbench,
} from '../recipe/index.ts'
import type { ComparisonReport } from '../report/index.ts'
import { ALWAYS_JUDGED, Budget, CONFIRMING } from './budget.ts'
import { type Choice, chooseByProof, type Proven } from './choose.ts'
import { disturbanceWarning, undecided } from './disturbed.ts'
import { type Contender, type Finalists, finalists } from './finalists.ts'
import type { Goal } from './goal.ts'
import type { Optimized, OptimizeOptions } from './options.ts'
import { dataFreeSpecs, hasRecurrent, placementSpecs } from './plan.ts'
import { Pool } from './pool.ts'
import { byPreference, worthMore } from './preference.ts'
import { reportOn } from './report-on.ts'
import { couldBeNearer, roundedNearer } from './rounded.ts'
import { Statics } from './statics.ts'
import { mustBeOthers, trainStudents } from './students.ts'
import { isStatic, isTrained, promising, SECURE_ODDS, type Trial } from './trial.ts'

/** Finalists that may touch the proof rows, and those that may where there is little time for them. */
const FINALISTS = 4
const FEWEST_FINALISTS = 2
const DEFAULT_TIME = 300_000
/** Share of the time that training may take. */
const TRAINING = 0.5
/** Share of the time that the first ranges may take. */
const FIRST_RANGES = 1 / 10
/** Share of the time that the choice between two forms of the float model may take. */
const FILLING = 1 / 20
/** The longest that one timing may take, in seconds, and of the time. */
const TIMING = 20
const TIMING_SHARE = 1 / 10
/** Share of the original's bytes below which a file is smaller. */
const SMALLER = 0.98
/** Share of what is left for a second try. */
const AGAIN = 1 / 6
/** Models that the first timings take, processes and least runs of each. */
const TIMED = 12
const GENERATIONS = 3
const FEWEST_RUNS = 8
/** Share of the time that these and the costs of kernels may take. */
const FIRST_LOOKS = 1 / 3
/** Share of what is left that judging the finalists on all selection rows may take. */
const FINAL_ROWS = 1 / 2

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
  readonly #budget: Budget
  #pool!: Pool
  #statics!: Statics
  #tensors: Optimized['tensors'] = new Map()

  constructor(model: Model, data: Dataset, options: OptimizeOptions) {
    this.#model = model
    this.#data = data
    this.#options = options
    this.#budget = new Budget(options.time ?? DEFAULT_TIME)
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
        meter: this.#budget.meter,
      }),
    )
    // Two models answer each row.
    this.#budget.keepForProof(bench.rows.prove.indices.length, (2 * bench.seen.runMs) / 1000)
    const say = (text: string) => onProgress?.(text)
    this.#pool = new Pool(bench, goalOf(this.#options), this.#budget, say, this.#options.workers)
    this.#statics = new Statics(this.#pool, this.#budget)
    try {
      if (this.#options.trainData) await mustBeOthers(bench, this.#options.trainData)
      await this.#phase('building', () => this.#buildFirst())
      await this.#phase('timing', () => this.#time())
      if (this.#options.trainData) await this.#phase('training', () => this.#train(this.#options.trainData!))
      await this.#phase('judging', () => this.#judgeOthers(this.#aheadOfStatics()))
      await this.#phase('integers', () => this.#statics.settle())
      await this.#phase('judging', () => this.#judgeOthers(this.#others()))
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
    this.#elapsed[name] = (this.#elapsed[name] ?? 0) + Math.round(performance.now() - from) / 1000
    return result
  }

  /** The lossless model, static integers in each placement, and what needs no ranges; of each kind one in a hurry. */
  async #buildFirst(): Promise<void> {
    const { bench, goal, warnings } = this.#pool
    const hurry = this.#hurry
    bench.fillingSeconds = hurry ? 0 : this.#budget.timing(FILLING_SECONDS, FILLING)
    if (hurry && bench.target === 'native' && (bench.inspection.operators.Conv ?? 0) > 0)
      this.#budget.leaveOut('whether channels filled to whole blocks pay')
    await this.#pool.build({ id: 'lossless', words: 'same answers from fewer operators' })
    const calibrating = bench.rows.calibrate.indices.length > 0
    if (!calibrating) warnings.push('static int8 was not tried: there is no row to calibrate on')
    const small = goal.name === 'size' || goal.maxBytes !== undefined
    // From histograms of a few rows every other choice is at hand; extremes alone are quicker, but of many rows.
    const recurrent = hasRecurrent(bench.inspection)
    const placements = calibrating ? placementSpecs({ recurrent, small, calibration: hurry ? 'mse' : 'minmax' }) : []
    const free = dataFreeSpecs(bench.inspection, small)
    if (hurry) {
      // What kernels cost is dear to see.
      await this.#buildOne(placements, ({ measuredCosts }) => !measuredCosts)
      if (small) await this.#pool.buildAll(free)
      else await this.#buildOne(free)
      return
    }
    const [first, ...others] = placements
    // By itself: for this one the kernels of the model are timed, and then known to all others.
    const seconds = FIRST_RANGES * this.#budget.seconds
    if (first) await this.#statics.build([first], seconds)
    await this.#statics.build([...others, ...free], seconds)
  }

  /** The first of those that are quickly made, or the first that differs from what is there. */
  async #buildOne(specs: readonly CandidateSpec[], quick = (_: CandidateSpec) => true): Promise<void> {
    let made = false
    for (const spec of [...specs.filter(quick), ...specs.filter((one) => !quick(one))]) {
      if (made) this.#budget.leaveOut(spec.id)
      else made = (await this.#statics.build([spec], FIRST_RANGES * this.#budget.seconds)).length > 0
    }
  }

  /** Whether timing every kind of candidate and every kernel would take too much of the time, as the first run shows. */
  get #hurry(): boolean {
    const { openMs, runMs } = this.#pool.bench.seen
    const opens = KERNEL_WORK.opens + GENERATIONS * TIMED
    const runs = KERNEL_WORK.runs + FEWEST_RUNS * TIMED
    return (opens * openMs + runs * runMs) / 1000 > FIRST_LOOKS * this.#budget.seconds
  }

  /** All side by side with the original; then by itself what looks far better than this disturbed moment could show. */
  async #time(): Promise<void> {
    const pool = this.#pool
    await pool.time(pool.trials, this.#budget.timing(TIMING, TIMING_SHARE))
    const open = pool.inOrder(pool.trials.filter(({ result: { ratio } }) => ratio !== null && undecided(ratio)))
    const best = open.find((trial) => trial !== pool.lossless)
    for (const trial of open.filter((one) => one === best || one === pool.lossless)) {
      if (pool.trials.length === 1) return
      const seconds = Math.min(this.#budget.timing(TIMING), AGAIN * this.#budget.left)
      if (seconds > 0) await pool.time([trial], seconds)
      else this.#budget.leaveOut(`timing ${trial.built.spec.id} again`)
    }
    const disturbed = disturbanceWarning(pool.trials.filter((trial) => trial !== pool.lossless))
    if (disturbed) pool.warnings.push(disturbed)
  }

  /** Students of the model, timed and judged: half of the time in all is theirs. */
  async #train(trainData: Dataset): Promise<void> {
    const pool = this.#pool
    const seconds = this.#budget.seconds * TRAINING
    const { trials, tensors } = await trainStudents(pool, trainData, { ...this.#options, seconds })
    this.#tensors = tensors
    await pool.time(trials, this.#budget.timing(TIMING))
    for (const trial of trials) if (!pool.hopeless(trial)) await pool.climb(trial)
  }

  /** The other schemes that nothing was judged of so far, the best in the goal first. */
  #others(): readonly Trial[] {
    const pool = this.#pool
    return pool.inOrder(
      pool.trials.filter(
        (trial) =>
          !isStatic(trial) &&
          !isTrained(trial) &&
          trial !== pool.lossless &&
          trial.comparison === null &&
          !pool.hopeless(trial),
      ),
    )
  }

  /** Those of them that are better in the goal than every static candidate: what is dear to refine may not be needed. */
  #aheadOfStatics(): readonly Trial[] {
    const pool = this.#pool
    const statics = pool.trials.filter((trial) => isStatic(trial) && !isTrained(trial) && !pool.hopeless(trial))
    return this.#others().filter((trial) =>
      statics.every((other) => worthMore(pool.standing(trial), pool.standing(other))),
    )
  }

  /** Judges these in their order, so that the time goes where it decides something. */
  async #judgeOthers(others: readonly Trial[]): Promise<void> {
    const pool = this.#pool
    for (const [place, trial] of others.entries()) {
      const bar = pool.betterAndSafe(trial)
      if (bar) pool.noteNotNeeded(trial, bar)
      else if (pool.affords(1) || (place < ALWAYS_JUDGED && !pool.trials.some(promising))) {
        await pool.climb(trial)
        const fewBits = trial.built.spec.scheme === 'weight-int4'
        if (fewBits && couldBeNearer(trial)) await roundedNearer(pool, this.#budget, trial)
      } else {
        pool.note(trial, 'not judged: the time was up')
        this.#budget.leaveOut(`judging ${trial.built.spec.id}`)
      }
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
        .map((trial): Contender => contenderOf(pool, trial))
    const most = this.#mostFinalists()
    const first = lossless && this.#worthIt(lossless) ? contenderOf(pool, lossless) : undefined
    const before = first?.figure ?? pool.figureBefore
    await this.#judgeSafer(contenders)
    await this.#judgeOnAllRows(() => everyFinalist(finalists(contenders(), most, before)))
    const chosen = finalists(contenders(), most, before)
    for (const { id } of everyFinalist(finalists(contenders(), FINALISTS, before)))
      if (!everyFinalist(chosen).some((one) => one.id === id)) this.#budget.leaveOut(`proving ${id}`)
    return chooseByProof(
      { ...chosen, sequence: [...(first ? [first] : []), ...chosen.sequence] },
      (id) => this.#proofOf(pool.get(id)),
      {
        provenOnly: this.#options.provenOnly ?? false,
        idle: lossless && !this.#gainsShown(lossless) ? lossless.built.spec.id : undefined,
      },
    )
  }

  /** Finalists that were judged on a few rows; on more of them it may show that others should be finalists. */
  async #judgeOnAllRows(chosen: () => readonly Contender[]): Promise<void> {
    const pool = this.#pool
    const rows = pool.bench.rows.select.indices.length
    const open = () => chosen().filter(({ id }) => (pool.get(id).comparison?.n ?? rows) < rows)
    const affordable = ({ id }: Contender) =>
      rows - pool.get(id).comparison!.n <= this.#budget.affordable('judging', FINAL_ROWS * this.#budget.left)
    for (let next = open().find(affordable); next; next = open().find(affordable)) await pool.judge(pool.get(next.id))
    for (const { id } of open()) this.#budget.leaveOut(`all selection rows for ${id}`)
  }

  /**
   * A few rows may have been lucky for the one that all others were left for: where it may well not pass, the next best
   * are looked at as well, until there is a safer one to fall back on.
   */
  async #judgeSafer(contenders: () => readonly Contender[]): Promise<void> {
    const pool = this.#pool
    const left = pool.inOrder(
      pool.trials.filter(
        (trial) => trial !== pool.lossless && trial.comparison === null && trial.result.p50Ms !== null,
      ),
    )
    for (const trial of left.filter((one) => !pool.hopeless(one)).slice(0, ALWAYS_JUDGED)) {
      const judged = contenders()
      const [best] = byPreference(judged)
      const canPass = judged.some(({ odds }) => odds.pass > 0)
      const safety = ({ odds }: Contender) => (canPass ? odds.pass : odds.close)
      if (!best || safety(best) >= SECURE_ODDS || judged.some((one) => safety(one) > safety(best))) return
      await pool.judgeFirstRows(trial)
    }
  }

  /** As many as there is time to prove beside the lossless model. */
  #mostFinalists(): number {
    const { bench } = this.#pool
    const seconds = (1 - CONFIRMING) * this.#budget.seconds - this.#budget.elapsed
    const rows = this.#budget.affordable('judging', seconds)
    const proofs = Math.floor(rows / Math.max(1, bench.rows.prove.indices.length))
    return Math.min(FINALISTS, Math.max(FEWEST_FINALISTS, proofs - 1))
  }

  /** Whether it is faster by its whole interval, or clearly smaller, where that is not the goal itself. */
  #gainsShown({ result: { ratio, bytes } }: Trial): boolean {
    const { goal, bench } = this.#pool
    if (goal.name === 'size' || goal.name === 'memory') return true
    return (ratio !== null && ratio.ci[1] < 1) || (bytes !== null && bytes < SMALLER * bench.original.bytes)
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
      (bytes !== null && bytes < SMALLER * before.bytes) ||
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
      await pool.time([trial], this.#budget.timing(15, CONFIRMING), 'confirm')
      if (pool.fitsGoal(trial) && (next.id !== 'lossless' || this.#worthIt(trial)))
        return failed.length === 0 ? choice : { ...choice, ...next, reason: unconfirmed(failed, next) }
      pool.note(trial, 'not confirmed: not better than the original when timed again alone')
      failed.push(next.id)
    }
    return failed.length === 0 ? choice : { ranked: [], id: 'original', proof: null, reason: unconfirmed(failed, null) }
  }

  async #report(choice: Choice): Promise<Optimized> {
    const pool = this.#pool
    if (!pool.baseline) await pool.time([], this.#budget.timing(5))
    if (this.#budget.warning) pool.warnings.push(this.#budget.warning)
    if (choice.proof && pool.baseline!.metric === null) pool.noteMetric(choice.proof)
    return reportOn({
      pool,
      options: this.#options,
      choice,
      data: this.#data,
      elapsed: this.#elapsed,
      tensors: new Map([...this.#tensors, ...pool.bench.tensors]),
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

const contenderOf = (pool: Pool, trial: Trial): Contender => ({
  id: trial.built.spec.id,
  ...pool.standing(trial),
  odds: pool.odds(trial),
})

const everyFinalist = ({ sequence, standby }: Finalists) => [...new Set([...sequence, ...standby])]

const unconfirmed = (failed: readonly string[], next: Proven | null) =>
  `${failed.join(', ')} ${failed.length > 1 ? 'were' : 'was'} not confirmed to be better when timed again alone, so ${
    next
      ? `${next.id}, the next best that ${next.proof.verdict === 'pass' ? 'passed' : 'stays close'},`
      : 'the original'
  } is handed out.`
