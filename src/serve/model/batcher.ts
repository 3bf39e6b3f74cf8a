import { type ByteTensor, bytesIn, type Lanes } from '../../engine/index.ts'
import type { Departure } from '../departure.ts'
import { ServeError, timedOut, toServeError } from '../serve-error.ts'
import { countedRows, joinRows, rowsOf, shapeKey, splitOutputs } from './batch-rows.ts'
import { FairQueue, type Queued } from './fair-queue.ts'
import { watchForHang } from './hang.ts'
import { Loan } from './loan.ts'
import { RunPace } from './run-pace.ts'

export interface BatchSettings {
  /** Most rows in a run that several requests share; 1 runs every request alone. */
  readonly maxBatch: number
  /** The same when many requests wait; at least `maxBatch`. */
  readonly crowdBatch: number
  /** How long a request may wait for others while a lane is free, in milliseconds. */
  readonly maxDelayMs: number
  /** Numbers of rows at which a waiting batch runs at once; else it runs when full or when the delay is over. */
  readonly preferred: readonly number[]
  /** Most requests that may wait. */
  readonly maxQueue: number
  /** Most bytes of waiting inputs. */
  readonly maxQueueBytes: number
  /** How long a request may take unless it says so itself; 0 is for ever. */
  readonly timeoutMs: number
  /** A run that takes longer has hung: its process is ended. */
  readonly runLimitMs: number
  /** Hand a lane its next full batch while it still runs, so that it never waits for this process. */
  readonly ahead: boolean
  /**
   * What a row saves by joining a run, in milliseconds; when many requests come, a run waits this long for more rows.
   */
  readonly fixedMs: number
}

export const FOR_EVER = Number.POSITIVE_INFINITY

/** How one request wants to be run. */
export interface JobOptions {
  /** null: all of them. */
  readonly outputs: readonly string[] | null
  /** Callers take turns within a priority. */
  readonly caller: string
  /** From 1, smaller ones first; 0 where the request names none. */
  readonly priority: number
  /** Milliseconds; 0 takes the setting, `FOR_EVER` waits whatever the setting. */
  readonly timeoutMs: number
  /** Milliseconds after which its run counts as hung; it can only shorten the setting's. */
  readonly runLimitMs?: number | undefined
  readonly departure?: Departure | undefined
  /** Told how the run ended where the request was given up meanwhile, by its timeout or because its client left. */
  readonly late?: ((result: JobResult | Error) => void) | undefined
}

/** One run of a lane: the same object for every request that was part of it. */
export interface Run {
  readonly ms: number
  readonly rows: number
}

/** One request's part of the run that it shared. */
export interface JobResult {
  readonly outputs: readonly ByteTensor[]
  readonly queueMs: number
  readonly run: Run
  /** The memory of the outputs, which other requests of the run may share. */
  readonly loan: Loan
  /** To be called when the outputs are no longer needed; optional. */
  readonly release: () => void
}

/** What the batcher records of each run. */
export interface RunRecord {
  readonly requests: number
  readonly rows: number
  readonly runMs: number
  readonly totalMs: number
  readonly failed: boolean
}

interface Job extends Queued {
  readonly inputs: readonly ByteTensor[]
  readonly outputs: readonly string[] | null
  readonly since: number
  readonly runLimitMs: number
  /** When the last caller gives up; others may join while it waits. */
  until(): number
  /** Whether the caller or `late` still wants the result. */
  wanted(): boolean
  /** Gives the result to the caller, or to `late` where the caller gave up. */
  finish(result: JobResult | Error): void
}

/** Brings waiting requests to the lanes of one model, several in a run where they may share one. */
export class Batcher {
  readonly #settings: BatchSettings
  readonly #model: string
  readonly #record: (run: RunRecord) => void
  readonly #queue = new FairQueue<Job>()
  /** Runs that each lane has been handed. */
  readonly #busy = new Map<number, number>()
  #lanes: Lanes | null = null
  #open = 0
  /** Requests that were handed to lanes. */
  #underWay = 0
  #timer: NodeJS.Timeout | null = null
  #idle: (() => void)[] = []
  readonly #pace = new RunPace()

  constructor(model: string, settings: BatchSettings, record: (run: RunRecord) => void) {
    this.#model = model
    this.#settings = settings
    this.#record = record
  }

  get waiting(): number {
    return this.#queue.length
  }

  get running(): number {
    return this.#busy.size
  }

  /** From now on runs go to these lanes, numbered from 0 to `open` − 1. */
  attach(lanes: Lanes, open: number): void {
    this.#lanes = lanes
    this.#open = open
    this.#busy.clear()
    this.#pump()
  }

  /** The lanes are gone: what waits stays, what ran is rejected by the lanes themselves. */
  detach(): void {
    this.#lanes = null
    this.#busy.clear()
  }

  /** Rejects everything that waits. */
  reject(error: Error): void {
    for (const job of this.#queue.clear()) job.finish(error)
    this.#settle()
  }

  /** Resolves when nothing waits and nothing runs. */
  async drained(): Promise<void> {
    if (this.#queue.length > 0 || this.#busy.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /**
   * Runs inputs that were matched with the model.
   *
   * @throws ServeError `too-many` where the queue is full, `timeout`, `cancelled`, or as the run failed.
   */
  run(inputs: readonly ByteTensor[], options: JobOptions): Promise<JobResult> {
    const { maxQueue, maxQueueBytes, timeoutMs, runLimitMs } = this.#settings
    const bytes = inputs.reduce((sum, { pieces }) => sum + bytesIn(pieces), 0)
    if (this.#queue.length >= maxQueue || (this.#queue.length > 0 && this.#queue.bytes + bytes > maxQueueBytes))
      return Promise.reject(
        new ServeError('too-many', `the queue of model '${this.#model}' is full`, { retryAfter: this.#retryAfter() }),
      )
    // A request without rows runs alone.
    const shares = this.#settings.crowdBatch > 1 && (rowsOf(inputs) ?? 0) > 0
    const limit = options.timeoutMs > 0 ? options.timeoutMs : timeoutMs
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      let settled = false
      const { late } = options
      const since = performance.now()
      const job: Job = {
        inputs,
        outputs: options.outputs,
        caller: options.caller,
        priority: options.priority,
        rows: countedRows(inputs),
        shape: shares ? shapeKey(inputs) : ALONE,
        bytes,
        since,
        runLimitMs: Math.min(runLimitMs, options.runLimitMs ?? runLimitMs),
        until: () => Math.min(limit > 0 ? since + limit : FOR_EVER, options.departure?.until ?? FOR_EVER),
        wanted: () => !settled || late !== undefined,
        finish: (result) => {
          const failed = result instanceof Error
          if (settled) {
            if (late) late(result)
            else if (!failed) result.release()
            return
          }
          settled = true
          clearTimeout(timer)
          options.departure?.listen(null)
          if (failed) reject(result)
          else resolve(result)
        },
      }
      const leave = (error: ServeError) => {
        this.#queue.remove(job)
        job.finish(error)
        this.#settle()
      }
      const gone = () => leave(new ServeError('cancelled', 'the client has gone'))
      if (limit > 0 && limit < FOR_EVER) timer = setTimeout(() => leave(timedOut(this.#model)), limit)
      if (options.departure?.gone) return gone()
      options.departure?.listen(gone)
      this.#queue.push(job)
      this.#pump()
    })
  }

  #pump(): void {
    const lanes = this.#lanes
    if (!lanes) return
    for (let lane = 0; lane < this.#open; lane++) {
      while (!this.#busy.has(lane)) {
        const head = this.#queue.peek()
        if (!head) return
        const rows = this.#wanted(head)
        if (rows === 0) return
        this.#start(lanes, lane, head, rows)
      }
    }
    if (!this.#settings.ahead) return
    for (let lane = 0; lane < this.#open; lane++) {
      const head = this.#queue.peek()
      if (!head) return
      const full = this.#most()
      // A batch that is not full gains more by waiting for other requests.
      if (this.#busy.get(lane) !== 1 || (head.shape !== ALONE && this.#queue.rowsOf(head.shape) < full)) continue
      this.#start(lanes, lane, head, full)
    }
  }

  /**
   * Runs the first waiting requests, at most so many rows, without those that would time out during the run: under
   * overload, each such run would be too late for its own client and delay the next. Where no other request waits, they
   * run all the same, since the lane has nothing better to do.
   */
  #start(lanes: Lanes, lane: number, head: Job, rows: number): void {
    const jobs = this.#queue.take(head.shape === ALONE ? 0 : rows)
    const done = performance.now() + this.#pace.ofRun(bytesOf(jobs))
    const [inTime, late] = this.#queue.length > 0 ? parted(jobs, (job) => job.until() > done) : [jobs, []]
    for (const job of late)
      job.finish(
        new ServeError('too-many', `the queue of model '${this.#model}' is too long for the timeout of the request`, {
          retryAfter: this.#retryAfter(),
        }),
      )
    if (inTime.length > 0) void this.#runBatch(lanes, lane, inTime)
  }

  /**
   * Most rows that a run may have now. Beyond `maxBatch`, rows save only the trip to the lane, and each waits for the
   * last of them. So a run takes no more than its share of what waits, enough for two runs of every lane.
   */
  #most(): number {
    const { maxBatch, crowdBatch } = this.#settings
    const share = Math.floor((this.#underWay + this.#queue.length) / (2 * this.#open))
    return Math.max(maxBatch, Math.min(crowdBatch, share))
  }

  /** Rows to run now; 0 where waiting a little gains more, for which this sets a timer. */
  #wanted(head: Job): number {
    const { maxDelayMs, preferred } = this.#settings
    const maxBatch = this.#most()
    const delayMs = Math.max(maxDelayMs, this.#gatherMs())
    if (maxBatch === 1 || delayMs === 0 || head.shape === ALONE) return maxBatch
    const there = this.#queue.rowsOf(head.shape)
    if (there >= maxBatch) return maxBatch
    const size = preferred.filter((one) => one <= there).reduce((a, b) => Math.max(a, b), 0)
    if (size > 0) return size
    const left = head.since + delayMs - performance.now()
    if (left <= 0) return maxBatch
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#pump()
    }, Math.ceil(left))
    return 0
  }

  /**
   * How long a free lane waits for more rows. The clients of a finished run come back one by one: without waiting, the
   * first would get a whole run alone while all others wait for it. Where there are no others, waiting gains nothing.
   */
  #gatherMs(): number {
    const { fixedMs } = this.#settings
    // Timers cannot be shorter.
    if (fixedMs < 1 || this.#busy.size === 0) return 0
    return this.#underWay + this.#queue.length >= CROWD * this.#open ? fixedMs : 0
  }

  async #runBatch(lanes: Lanes, lane: number, jobs: readonly Job[]): Promise<void> {
    this.#busy.set(lane, (this.#busy.get(lane) ?? 0) + 1)
    this.#underWay += jobs.length
    const start = performance.now()
    const rows = jobs.map((job) => job.rows)
    const total = rows.reduce((sum, count) => sum + count, 0)
    const limitMs = Math.min(...jobs.map(({ runLimitMs }) => runLimitMs))
    const ended = watchForHang(limitMs, () => void lanes.stop(`a run did not end within ${limitMs / 1000} seconds`))
    try {
      const { outputs, runNs, release } = await lanes.run(
        lane,
        joinRows(jobs.map((job) => job.inputs)),
        commonOutputs(jobs),
      )
      const own = splitOutputs(outputs, rows)
      // Anchors and other outputs without rows cannot be shared out: each request then runs alone.
      if (!own) throw new ServeError('invalid', 'an output has no row for every row of the inputs')
      const run: Run = { ms: runNs / 1e6, rows: total }
      this.#free(lanes, lane, jobs, { start, rows: total, runMs: run.ms, failed: false })
      const loan = new Loan(release)
      const releases = jobs.map(() => loan.hold())
      for (const [i, job] of jobs.entries()) {
        const release = releases[i]!
        // Its neighbours may have wanted others: what it gets must not depend on them.
        const wanted = job.outputs
        const outputs = wanted ? own[i]!.filter(({ name }) => wanted.includes(name)) : own[i]!
        job.finish({ outputs, queueMs: start - job.since, run, loan, release })
      }
    } catch (error) {
      this.#free(lanes, lane, jobs, { start, rows: total, runMs: 0, failed: true })
      // One bad request must not fail its neighbours.
      const alone = jobs.length > 1 && toServeError(error, this.#model).code === 'invalid'
      if (alone && this.#lanes === lanes)
        for (const job of jobs) {
          if (job.wanted()) this.#queue.push(Object.assign(job, { shape: ALONE }))
        }
      else for (const job of jobs) job.finish(error as Error)
    } finally {
      ended()
      this.#pump()
      this.#settle()
    }
  }

  #free(
    lanes: Lanes,
    lane: number,
    jobs: readonly Job[],
    { start, ...run }: Pick<RunRecord, 'rows' | 'runMs' | 'failed'> & { readonly start: number },
  ): void {
    this.#underWay -= jobs.length
    if (this.#lanes === lanes) {
      const left = (this.#busy.get(lane) ?? 1) - 1
      if (left === 0) this.#busy.delete(lane)
      else this.#busy.set(lane, left)
    }
    const totalMs = performance.now() - start
    this.#pace.note({ requests: jobs.length, bytes: bytesOf(jobs), totalMs, failed: run.failed })
    this.#record({ requests: jobs.length, totalMs, ...run })
  }

  /** Seconds after which it may pay to come back. */
  #retryAfter(): number {
    return Math.max(1, Math.ceil(this.#pace.ofQueue(this.#queue.length, this.#open) / 1000))
  }

  #settle(): void {
    if (this.#queue.length > 0 || this.#busy.size > 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }
}

/** Requests for each lane from which on a lane waits to have more rows in a run. */
const CROWD = 4
/** The shape of jobs that share a run with nobody. */
const ALONE = 'alone'

const bytesOf = (jobs: readonly Job[]) => jobs.reduce((sum, { bytes }) => sum + bytes, 0)

function parted<T>(items: readonly T[], first: (item: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [items.filter(first), items.filter((item) => !first(item))]
}

/** The outputs to fetch: those that every job wants, all where they differ. */
function commonOutputs(jobs: readonly Job[]): readonly string[] | undefined {
  const [first] = jobs as readonly [Job]
  if (first.outputs === null) return undefined
  const key = first.outputs.join('\0')
  return jobs.every(({ outputs }) => outputs !== null && outputs.join('\0') === key) ? first.outputs : undefined
}
