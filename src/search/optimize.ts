import type { Dataset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import { type CandidateSpec, FORM_SECONDS, undecided, Workbench } from '../recipe/index.ts'
import { ALWAYS_JUDGED, Budget, CONFIRMING } from './budget.ts'
import { BuildsInTime } from './builds-in-time.ts'
import type { Choice, Proven } from './choose.ts'
import { disturbanceWarning } from './disturbed.ts'
import type { Goal } from './goal.ts'
import { closingSeconds, lookingSeconds, withinLooks } from './looks.ts'
import { mostlyProducts } from './mostly-products.ts'
import { type Optimized, type OptimizeOptions, type ResolvedOptions, resolvedOptions } from './options.ts'
import { dataFreeSpecs, hasRecurrent, placementSpecs, UNROUNDED } from './plan.ts'
import { Pool } from './pool.ts'
import { worthMore } from './preference.ts'
import { prove, whyNotWorthIt } from './prove.ts'
import { reportOn } from './report-on.ts'
import { couldBeNearer, roundedNearer } from './rounded.ts'
import { keepRowsApart } from './rows-apart.ts'
import { leaveOutSpare } from './spare.ts'
import { Statics } from './statics.ts'
import { trainStudents } from './students.ts'
import { isStatic, isTrained, promising, type Trial } from './trial.ts'

/** Share of the time that training may take. */
const TRAINING = 0.5
/** Share of the time that the first ranges may take. */
const FIRST_RANGES = 1 / 10
/** Share of the time that the choice between two forms of the float model may take. */
const FILLING = 1 / 20
/** The longest that one timing may take, in seconds, and of the time. */
const TIMING = 20
const TIMING_SHARE = 1 / 10
/** Share of what is left for a second try. */
const AGAIN = 1 / 6
/** Models that the first timings take, where every kind of candidate is built. */
const TIMED = 12
/** Share of the time that these and the costs of kernels may take; later the share of what is left. */
const FIRST_LOOKS = 1 / 3

/**
 * Plans candidates, builds them, times them side by side with the original, judges them on the selection rows, proves
 * the finalists on rows that nothing else has touched, and chooses. What is handed out was measured better in the goal
 * and passed; else it is the lossless model, or the original, with the reason.
 */
export async function optimize(model: Model, data: Dataset, options: OptimizeOptions = {}): Promise<Optimized> {
  const run = new Optimization(model, data, resolvedOptions(options))
  return run.go()
}

class Optimization {
  readonly #model: Model
  readonly #data: Dataset
  readonly #options: ResolvedOptions
  readonly #elapsed: Record<string, number> = {}
  readonly #budget: Budget
  #pool!: Pool
  #builds!: BuildsInTime
  #tensors: Optimized['tensors'] = new Map()
  /** What a hurry put off. */
  #postponed: readonly CandidateSpec[] = []
  /** Whether there was time to build every kind of candidate. */
  #allTried = true

  constructor(model: Model, data: Dataset, options: ResolvedOptions) {
    this.#model = model
    this.#data = data
    this.#options = options
    this.#budget = new Budget(options.time)
  }

  async go(): Promise<Optimized> {
    const { calibration, proof, trainData, provenOnly, workers, onProgress } = this.#options
    const { bench, warnings } = await this.#phase('reading', async () => {
      const { data, proof: proofData, warnings } = await keepRowsApart(this.#data, this.#options)
      const bench = await Workbench.open(this.#model, data, {
        ...this.#options,
        calibrationData: calibration,
        proofData,
        meter: this.#budget.meter,
      })
      return { bench, warnings }
    })
    // Two models answer each row.
    const { runMs } = bench.seen
    this.#budget.keepForProof(bench.rows.prove.indices.length, (2 * runMs) / 1000, closingSeconds(bench.seen))
    const say = (text: string) => onProgress?.(text)
    this.#pool = new Pool(bench, goalWithLimits(this.#options), this.#budget, say, workers)
    this.#pool.warnings.push(...warnings)
    this.#builds = new BuildsInTime(this.#pool, this.#budget)
    try {
      await this.#phase('building', () => this.#buildFirst())
      await this.#phase('timing', () => this.#time(this.#pool.trials))
      if (trainData) await this.#phase('training', () => this.#train(trainData))
      await this.#settle(this.#pool.trials)
      await this.#goBack()
      await this.#phase('spare channels', () => leaveOutSpare(this.#pool, this.#budget))
      const choice = await this.#phase('proving', async () =>
        this.#confirm(
          await prove(this.#pool, this.#budget, { provenOnly, apart: proof !== undefined, allTried: this.#allTried }),
        ),
      )
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

  /** Judges what was timed, and refines what is worth it. */
  async #settle(trials: readonly Trial[]): Promise<void> {
    await this.#phase('judging', () => this.#judgeOthers(this.#aheadOfStatics()))
    await this.#phase('integers', () => new Statics(this.#pool, this.#budget, this.#builds).settle(trials))
    await this.#phase('judging', () => this.#judgeOthers(this.#others()))
  }

  /** What a hurry put off, as far as there is time for it now; what there is not is told. */
  async #goBack(): Promise<void> {
    const { bench } = this.#pool
    while (this.#postponed.length > 0) {
      const seconds = FIRST_LOOKS * this.#budget.left
      const next = withinLooks(this.#postponed, bench.seen, seconds, this.#budget.rate('building'))
      const [first] = this.#postponed
      this.#postponed = this.#postponed.slice(Math.max(1, next.length))
      if (next.length === 0) {
        // What takes less may still fit.
        this.#budget.leaveOut(first!.id)
        this.#allTried = false
        continue
      }
      const trials = await this.#phase('building', () =>
        this.#buildSpecs(next, (specs, most) => this.#builds.orLeaveOut(specs, Math.min(most, seconds))),
      )
      if (trials.length === 0) continue
      await this.#phase('timing', () => this.#time(trials, seconds))
      await this.#settle(trials)
    }
  }

  /** The lossless model, static integers in each placement, and what needs no ranges; of each kind one in a hurry. */
  async #buildFirst(): Promise<void> {
    const { bench, goal, warnings } = this.#pool
    const hurry = this.#hurry
    bench.formSeconds = hurry ? 0 : this.#budget.timing(FORM_SECONDS, FILLING)
    if (hurry && bench.target === 'native' && (bench.inspection.operators.Conv ?? 0) > 0)
      this.#budget.leaveOut('whether channels filled to whole blocks pay')
    await this.#pool.build({ id: 'lossless', words: 'same answers from fewer operators' })
    const unrounded = await bench.unrounded()
    if (unrounded) await this.#pool.build(UNROUNDED)
    const layers = unrounded ?? bench.inspection
    const calibrating = bench.rows.calibrate.indices.length > 0
    if (!calibrating) warnings.push('static int8 was not tried: there is no row to calibrate on')
    const small = goal.name === 'size' || goal.maxBytes !== undefined
    // From histograms of a few rows every other choice is at hand; extremes alone are quicker, but of many rows.
    const recurrent = hasRecurrent(layers)
    const placements = calibrating ? placementSpecs({ recurrent, small, calibration: hurry ? 'mse' : 'minmax' }) : []
    const free = dataFreeSpecs(layers, small, bench.target)
    this.#postponed = await (hurry ? this.#buildInHurry(placements, free, small) : this.#buildAll(placements, free))
  }

  /** Every kind; gives back what there was no time for, because the kernels of the model took so much of it. */
  async #buildAll(placements: readonly CandidateSpec[], free: readonly CandidateSpec[]) {
    const seconds = FIRST_RANGES * this.#budget.seconds
    // By itself: for this one the kernels of the model are timed, and then known to all others.
    const [costed, rest] = [placements.slice(0, 1), placements.slice(1)]
    await this.#builds.inAnyCase(costed, seconds)
    const late = this.#late
    await this.#builds.inAnyCase(late ? free : [...rest, ...free], seconds)
    return late ? cheapFirst(rest) : []
  }

  /**
   * One of each kind, what surely takes little time first; gives back the others. Where most weights are those of
   * products, static integers come back to only when schemes without ranges are judged: reading ranges of a large model
   * may take all of the time.
   */
  async #buildInHurry(placements: readonly CandidateSpec[], free: readonly CandidateSpec[], small: boolean) {
    const products = mostlyProducts((this.#pool.lossless?.built ?? this.#pool.bench.original).model)
    const sure = small ? free : products ? ofEachScheme(free) : []
    const begun: CandidateSpec[] = []
    for (const spec of sure)
      if (begun.length === 0 || !this.#late) {
        begun.push(spec)
        await this.#buildSpecs([spec])
      }
    const others = free.filter((spec) => !begun.includes(spec))
    if (products && begun.length > 0) return cheapFirst([...placements, ...others])
    return cheapFirst([
      ...(await this.#buildOne(cheapFirst(placements))),
      ...(small ? others : await this.#buildOne(others)),
    ])
  }

  /** Whether so much of the time is over that what was built must be looked at. */
  get #late(): boolean {
    return this.#budget.elapsed > FIRST_LOOKS * this.#budget.seconds
  }

  /** Builds these, with ranges of fewer rows where those of all would take long. */
  async #buildSpecs(
    specs: readonly CandidateSpec[],
    build: BuildsInTime['inAnyCase'] = (some, most) => this.#builds.inAnyCase(some, most),
  ): Promise<readonly Trial[]> {
    const seconds = FIRST_RANGES * this.#budget.seconds
    // By itself: for this one the kernels of the model are timed, and then known to all others.
    const first = specs.filter(({ measuredCosts }) => measuredCosts).slice(0, 1)
    const others = specs.filter((spec) => !first.includes(spec))
    return [...(await build(first, seconds)), ...(await build(others, seconds))]
  }

  /** The first that differs from what is there; what comes after it is given back. */
  async #buildOne(specs: readonly CandidateSpec[]): Promise<CandidateSpec[]> {
    for (const [place, spec] of specs.entries())
      if ((await this.#buildSpecs([spec])).length > 0) return specs.slice(place + 1)
    return []
  }

  /** Whether timing every kind of candidate and every kernel would take too much of the time, as the first run shows. */
  get #hurry(): boolean {
    return lookingSeconds(this.#pool.bench.seen, TIMED, true) > FIRST_LOOKS * this.#budget.seconds
  }

  /** All side by side with the original; then by itself what looks far better than this disturbed moment could show. */
  async #time(trials: readonly Trial[], most = TIMING): Promise<void> {
    const pool = this.#pool
    await pool.time(trials, this.#budget.timing(most, TIMING_SHARE))
    const open = pool.inOrder(trials.filter(({ result: { ratio } }) => ratio !== null && undecided(ratio)))
    const best = open.find((trial) => trial !== pool.lossless)
    for (const trial of open.filter((one) => one === best || one === pool.lossless)) {
      if (pool.trials.length === 1) return
      const seconds = Math.min(this.#budget.timing(TIMING), AGAIN * this.#budget.left)
      if (seconds > 0) await pool.time([trial], seconds)
      else this.#budget.leaveOut(`timing ${trial.built.spec.id} again`)
    }
    const disturbed = disturbanceWarning(trials.filter((trial) => trial !== pool.lossless))
    if (disturbed) pool.warnings.push(disturbed)
  }

  /** Students of the model, timed and judged: half of the time in all is theirs. */
  async #train(trainData: Dataset): Promise<void> {
    const pool = this.#pool
    const seconds = this.#budget.seconds * TRAINING
    const { trials, tensors } = await trainStudents(pool, this.#budget, trainData, { ...this.#options, seconds })
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
      else if ((await pool.affordsJudging([trial])) || (place < ALWAYS_JUDGED && !pool.trials.some(promising))) {
        await pool.climb(trial)
        const fewBits = trial.built.spec.scheme === 'weight-int4'
        if (fewBits && couldBeNearer(trial)) await roundedNearer(pool, this.#budget, trial)
      } else {
        pool.noteNotJudged(trial, 'the time was up')
        this.#budget.leaveOut(`judging ${trial.built.spec.id}`)
      }
    }
  }

  /** Times the chosen one alone against the original once more: the promise is about this very file. Else the next. */
  async #confirm(choice: Choice): Promise<Choice> {
    const pool = this.#pool
    const failed: string[] = []
    for (const next of choice.ranked) {
      const trial = pool.get(next.id)
      await pool.time([trial], this.#budget.timing(15, CONFIRMING), 'confirm')
      const why = trial === pool.lossless ? whyNotWorthIt(pool, trial) : pool.whyHopeless(trial)
      if (why === null && pool.fitsGoal(trial))
        return failed.length === 0 ? choice : { ...choice, ...next, reason: unconfirmed(failed, next) }
      pool.note(trial, `not confirmed when timed again alone: ${why ?? 'not better in the goal'}`)
      const disturbed = disturbanceWarning([trial])
      if (disturbed) pool.warnings.push(disturbed)
      failed.push(next.id)
    }
    return failed.length === 0 ? choice : { ranked: [], id: 'original', proof: null, reason: unconfirmed(failed, null) }
  }

  /** Whether a metric can score the rows. */
  get #haveScores(): boolean {
    const { metric, label } = this.#options
    return metric !== undefined || label !== undefined || this.#data.fields.some(({ role }) => role === 'label')
  }

  async #report(choice: Choice): Promise<Optimized> {
    const pool = this.#pool
    if (!pool.baseline) await pool.time([], this.#budget.timing(5))
    const late = this.#budget.over
    if (late) this.#budget.leaveOut('where the time goes inside of the models')
    if (this.#budget.warning) pool.warnings.push(this.#budget.warning)
    if (choice.proof && pool.baseline!.metric === null) pool.noteMetric(choice.proof)
    if (pool.baseline!.metric === null && this.#haveScores) await pool.scoreOriginal()
    return reportOn({
      pool,
      options: this.#options,
      choice,
      data: this.#data,
      elapsed: this.#elapsed,
      late,
      tensors: new Map([...this.#tensors, ...pool.bench.tensors]),
    })
  }
}

/** Those that need no costs of kernels, which are dear to see, before those that do; else in their order. */
const cheapFirst = (specs: readonly CandidateSpec[]): readonly CandidateSpec[] =>
  [...specs].sort((one, other) => Number(one.measuredCosts ?? false) - Number(other.measuredCosts ?? false))

/** Of each scheme the first; weights of 4 bits, which seldom stay close, are none that surely gain. */
const ofEachScheme = (specs: readonly CandidateSpec[]) =>
  specs.filter(
    ({ scheme }, place) => scheme !== 'weight-int4' && specs.findIndex((other) => other.scheme === scheme) === place,
  )

function goalWithLimits({ goal, maxBytes, maxP99Ms, maxRssBytes }: ResolvedOptions): Goal {
  return {
    name: goal,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(maxP99Ms === undefined ? {} : { maxP99Ms }),
    ...(maxRssBytes === undefined ? {} : { maxRssBytes }),
  }
}

const unconfirmed = (failed: readonly string[], next: Proven | null) =>
  `${failed.join(', ')} ${failed.length > 1 ? 'were' : 'was'} not confirmed to be better when timed again alone, so ${
    next
      ? `${next.id}, the next best that ${next.proof.verdict === 'pass' ? 'passed' : 'stays close'},`
      : 'the original'
  } is handed out.`
