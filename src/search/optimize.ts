import type { Dataset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import { undecided, Workbench } from '../recipe/index.ts'
import { Budget } from './budget.ts'
import { Building } from './building.ts'
import { BuildsInTime } from './builds-in-time.ts'
import type { Choice } from './choose.ts'
import { confirm } from './confirm.ts'
import { disturbanceWarning } from './disturbed.ts'
import type { Goal } from './goal.ts'
import { timeLosslessAgain, timingAgain } from './lossless-again.ts'
import { Mixtures } from './mixtures.ts'
import { type Optimized, type OptimizeOptions, type ResolvedOptions, resolvedOptions } from './options.ts'
import { Others } from './others.ts'
import { Pool } from './pool.ts'
import { prove } from './prove.ts'
import { reportOn } from './report-on.ts'
import { keepRowsApart } from './rows-apart.ts'
import { leaveOutSpare } from './spare.ts'
import { Statics } from './statics.ts'
import { trainStudents } from './students.ts'
import { closingSeconds, FIRST_LOOKS } from './time-estimates.ts'
import type { Trial } from './trial.ts'

/** Share of the time that training may take. */
const TRAINING = 0.5
/** Share of what is left for a second try. */
const AGAIN = 1 / 6

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
  #building!: Building
  #statics!: Statics
  #others!: Others
  #tensors: Optimized['tensors'] = new Map()

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
    const answering = bench.seen.runMs / 1000 / bench.processes
    // Two models answer each row.
    const costs = { answering, judging: 2 * answering }
    const proofRows = bench.rows.prove.indices.length
    const canProve = bench.canProve(proofRows)
    this.#budget.keepForProof(proofRows, { ...costs, canProve }, closingSeconds(bench.seen))
    const say = (text: string) => onProgress?.(text)
    this.#pool = new Pool(bench, goalWithLimits(this.#options), this.#budget, say, workers)
    this.#pool.warnings.push(...warnings)
    this.#builds = new BuildsInTime(this.#pool, this.#budget)
    this.#building = new Building(this.#pool, this.#budget, this.#builds)
    const mixtures = new Mixtures(this.#pool, this.#budget)
    this.#statics = new Statics(this.#pool, this.#budget, this.#builds, mixtures)
    this.#others = new Others(this.#pool, this.#budget, mixtures)
    try {
      await this.#phase('building', () => this.#building.first())
      this.#pool.warnings.push(...(await bench.lossless()).warnings)
      await this.#phase('timing', () => this.#time(this.#pool.trials))
      if (trainData) await this.#phase('training', () => this.#train(trainData))
      await this.#settle(this.#pool.trials)
      await this.#goBack()
      await this.#phase('integers', () => this.#statics.lastResort())
      await this.#phase('spare channels', () => leaveOutSpare(this.#pool, this.#budget))
      await this.#phase('timing', () => timeLosslessAgain(this.#pool, this.#budget))
      const choice = await this.#phase('proving', async () => {
        const { allTried } = this.#building
        const apart = proof !== undefined
        const choice = await prove(this.#pool, this.#budget, { provenOnly, apart, allTried })
        // The report asks it of what is handed out, mostly this one, and here both models are open still.
        const [first] = choice.ranked
        if (first) await bench.dependence(this.#pool.get(first.id).built)
        return confirm(this.#pool, this.#budget, choice)
      })
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
    await this.#phase('judging', () => this.#others.aheadOfStatics())
    const open = await this.#phase('integers', () => this.#statics.settle(trials))
    if (open.length > 0) {
      await this.#phase('judging', () => this.#others.aheadOfRepairs(open))
      await this.#phase('integers', () => this.#statics.repair(open))
    }
    await this.#phase('judging', () => this.#others.rest())
  }

  /** What a hurry put off, as far as there is time for it now; what there is not is told. */
  async #goBack(): Promise<void> {
    while (this.#building.postponed) {
      const seconds = FIRST_LOOKS * this.#budget.left
      const next = this.#building.take(seconds)
      if (next.length === 0) continue
      const trials = await this.#phase('building', () => this.#building.taken(next, seconds))
      if (trials.length === 0) continue
      await this.#phase('timing', () => this.#time(trials, seconds))
      await this.#settle(trials)
    }
  }

  /** All side by side with the original; then by itself what looks far better than this disturbed moment could show. */
  async #time(trials: readonly Trial[], most?: number): Promise<void> {
    const pool = this.#pool
    await pool.time(trials, this.#budget.timingOf(trials.length, most))
    const open = pool.inOrder(trials.filter(({ result: { ratio } }) => ratio !== null && undecided(ratio)))
    const best = open.find((trial) => trial !== pool.lossless)
    for (const trial of open.filter((one) => one === best || one === pool.lossless)) {
      if (pool.trials.length === 1) return
      const seconds = Math.min(this.#budget.timing(), AGAIN * this.#budget.left)
      if (seconds > 0) await pool.time([trial], seconds)
      else this.#budget.leaveOut(timingAgain(trial.built.spec.id))
    }
  }

  /** Students of the model, timed and judged: half of the time in all is theirs. */
  async #train(trainData: Dataset): Promise<void> {
    const pool = this.#pool
    const seconds = this.#budget.seconds * TRAINING
    const { trials, tensors } = await trainStudents(pool, this.#budget, trainData, { ...this.#options, seconds })
    this.#tensors = tensors
    await pool.time(trials, this.#budget.timing())
    for (const trial of trials) if (!pool.hopeless(trial)) await pool.climb(trial)
  }

  /** Whether a metric can score the rows. */
  get #haveScores(): boolean {
    const { metric, label } = this.#options
    return metric !== undefined || label !== undefined || this.#data.fields.some(({ role }) => role === 'label')
  }

  async #report(choice: Choice): Promise<Optimized> {
    const pool = this.#pool
    if (!pool.baseline) await pool.time([], this.#budget.timing(5))
    const { late } = this.#budget
    if (late) this.#budget.leaveOut('where the time goes inside of the models')
    // By the last timing of each: what a later one settled is no longer open.
    const told = [disturbanceWarning(pool, choice.id), this.#budget.overrun, this.#budget.warning]
    pool.warnings.push(...told.filter((one) => one !== null))
    if (choice.proof && pool.baseline!.metric === null) pool.noteMetric(choice.proof)
    if (pool.baseline!.metric === null && this.#haveScores) await pool.scoreOriginal()
    return reportOn({
      pool,
      options: this.#options,
      choice,
      data: this.#data,
      elapsed: this.#elapsed,
      leftOut: this.#budget.leftOut,
      late,
      tensors: new Map([...this.#tensors, ...pool.bench.tensors]),
    })
  }
}

function goalWithLimits({ goal, maxBytes, maxP99Ms, maxRssBytes }: ResolvedOptions): Goal {
  return {
    name: goal,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(maxP99Ms === undefined ? {} : { maxP99Ms }),
    ...(maxRssBytes === undefined ? {} : { maxRssBytes }),
  }
}
