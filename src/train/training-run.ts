import type { Feeds, Fetched, Session } from '../engine/index.ts'
import type { TrainState } from './checkpoint.ts'
import type { Trained, TrainOptions } from './options.ts'
import { epochsWithin, overdue } from './pace.ts'
import { arrayFeeds, notFinite, runStep, scalarsAt } from './run-step.ts'
import { rateAt, type Schedule } from './schedule.ts'
import { epochOrder } from './shuffle.ts'
import { averagesOf, endEpoch, startState, tired, trained } from './state.ts'
import { nextOf, STEP, type StepGraph, stateArrays } from './step-graph.ts'

/** Share of the steps during which the rate rises. */
const WARM_UP = 0.05

/** A training under way: where it stands, and the session that its steps run in. */
export class TrainingRun {
  readonly #step: StepGraph
  readonly #options: TrainOptions
  readonly #started = performance.now()
  /** Seconds of the runs that this one continues. */
  readonly #before: number
  #session: Session
  #state: TrainState
  /** Whether there is a saved state to resume from. */
  #kept: boolean
  /** Steps since a state was saved, or since this run started. */
  #unsaved = 0

  private constructor(step: StepGraph, options: TrainOptions, session: Session) {
    this.#step = step
    this.#options = options
    this.#session = session
    this.#state = options.resume ?? startState(step, options)
    this.#before = this.#state.seconds
    this.#kept = options.resume !== undefined
  }

  /** Opens the step's session; a run that resumes none plans its epochs. */
  static async open(step: StepGraph, options: TrainOptions): Promise<TrainingRun> {
    const run = new TrainingRun(step, options, await options.open())
    try {
      if (!options.resume) run.#state = { ...run.#state, planned: await run.#plannedEpochs() }
      return run
    } catch (error) {
      await run.close()
      throw error
    }
  }

  /** Whether there is an epoch to go: planned, within the patience, and within the time, save for the first. */
  get goesOn(): boolean {
    const { epoch, planned } = this.#state
    return epoch < planned && !tired(this.#state, this.#options.patience) && !(epoch > 0 && this.#late)
  }

  /** Goes over what is left of the epoch and judges it; with half of the batch from where that did not fit into memory. */
  async epoch(): Promise<void> {
    const schedule = this.#schedule()
    if (!(await this.#rowsLeft(schedule))) return this.#halveBatch()
    this.#state = await endEpoch(this.#state, this.#options, rateAt(this.#state.step - 1, schedule))
    this.#options.onEpoch?.(this.#state.epochs.at(-1)!)
    await this.#keep()
  }

  /** What the run gave. */
  result(): Trained {
    return trained(this.#timed())
  }

  async close(): Promise<void> {
    await this.#session.close().catch(() => {})
  }

  /** The rate over all steps, were all epochs to have this one's batch. */
  #schedule(): Schedule {
    const { planned, batch } = this.#state
    const steps = planned * Math.ceil(this.#options.rows.length / batch)
    return { rate: this.#options.rate ?? 1e-3, warmUp: WARM_UP, steps }
  }

  /** A step for each batch of the rows that the epoch has not seen; false where a batch did not fit into memory. */
  async #rowsLeft(schedule: Schedule): Promise<boolean> {
    const { rows, seed = 0, read, signal } = this.#options
    const { epoch, row, batch } = this.#state
    for await (const part of read(epochOrder(rows, seed, epoch).slice(row), batch, epoch)) {
      if (signal?.aborted) {
        await this.#keep()
        throw signal.reason
      }
      const { arrays, step } = this.#state
      const feeds = { ...part.feeds, ...arrayFeeds(arrays), ...scalarsAt(step, schedule, this.#step) }
      const results = await runStep(this.#session, feeds, batch)
      if (!results) return false
      await this.#mustBeFinite(results, feeds)
      this.#advance(results, part.rows)
      this.#options.onStep?.({ step: this.#state.step, of: schedule.steps, loss: lossOf(results) })
      if (++this.#unsaved >= (this.#options.keepEvery ?? 200) && this.#options.keep) await this.#keep()
      if (this.#late) break
    }
    return true
  }

  /** Saves what is still good where nothing was saved yet, and throws. */
  async #mustBeFinite(results: Fetched, feeds: Feeds): Promise<void> {
    const loss = lossOf(results)
    if (Number.isFinite(loss) && Number.isFinite(Number(results[STEP.norm]!.data[0]))) return
    const { arrays, step } = this.#state
    if (!this.#kept && [...arrays.values()].every((values) => values.every(Number.isFinite))) await this.#keep()
    const what = Number.isFinite(loss) ? 'gradient' : 'loss'
    throw await notFinite(this.#session, this.#step, feeds, { what, step: step + 1, kept: this.#kept })
  }

  #advance(results: Fetched, rows: number): void {
    const { step, row, lossSum } = this.#state
    const arrays = stateArrays(this.#step).map((name) => [name, results[nextOf(name)]!.data as Float32Array] as const)
    this.#state = {
      ...this.#state,
      step: step + 1,
      row: row + rows,
      lossSum: lossSum + lossOf(results) * rows,
      arrays: new Map(arrays),
    }
  }

  async #halveBatch(): Promise<void> {
    const { batch } = this.#state
    const smaller = Math.ceil(batch / 2)
    this.#options.onNote?.(`a batch of ${batch} rows does not fit into memory: going on with ${smaller}`)
    this.#state = { ...this.#state, batch: smaller }
    await this.close()
    this.#session = await this.#options.open()
  }

  async #keep(): Promise<void> {
    await this.#options.keep?.(this.#timed())
    this.#kept = this.#options.keep !== undefined
    this.#unsaved = 0
  }

  #timed(): TrainState {
    return { ...this.#state, seconds: this.#before + (performance.now() - this.#started) / 1000 }
  }

  get #late(): boolean {
    return overdue(this.#options.epochs, this.#timed().seconds)
  }

  /**
   * The epochs asked for, or those that fit into the seconds, by the second of two trial steps and a judging that leave
   * no trace.
   */
  async #plannedEpochs(): Promise<number> {
    const { epochs, rows, seed = 0, read, validate } = this.#options
    if (typeof epochs === 'number') return epochs
    const { arrays, batch } = this.#state
    let judging = performance.now()
    await validate?.(...averagesOf(arrays))
    judging = (performance.now() - judging) / 1000
    let seconds = 0
    const some = epochOrder(rows, seed, 0).slice(0, 2 * batch)
    let started = performance.now()
    for await (const part of read(some, batch, 0)) {
      const now = scalarsAt(0, { rate: 0, warmUp: 0, steps: 1 }, this.#step)
      // Too large a batch is halved later; the plan is then one for the small pace.
      await runStep(this.#session, { ...part.feeds, ...arrayFeeds(arrays), ...now }, batch)
      seconds = (performance.now() - started) / 1000
      started = performance.now()
    }
    return epochsWithin(epochs, { step: seconds, judging }, Math.ceil(rows.length / batch))
  }
}

const lossOf = (results: Fetched): number => Number(results[STEP.loss]!.data[0])
