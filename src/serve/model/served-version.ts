import { setTimeout as after } from 'node:timers/promises'
import {
  type ByteTensor,
  bytesOfValue,
  type Feeds,
  type Lanes,
  type LanesModel,
  machine,
  type Session,
} from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Log } from '../log.ts'
import { ServeError, toServeError } from '../serve-error.ts'
import { Batcher, type BatchSettings, type JobOptions, type JobResult } from './batcher.ts'
import { laneSession } from './lane-session.ts'
import { type KnownFile, ModelProcess } from './model-process.ts'
import { type PaddingRule, padInputs } from './padding.ts'
import { paddingFault } from './padding-proof.ts'
import {
  type Alone,
  batchObstacle,
  isDeterministic,
  type Plan,
  type PlanWish,
  planRun,
  rowSpeed,
  type Speed,
} from './plan.ts'
import { add, VersionStatistics } from './statistics.ts'

/** What is known of a version before it runs. */
export interface VersionFile extends KnownFile {
  readonly model: string
  readonly version: string
  readonly path: string
  /** What the version's own report says of its batches; null where it says nothing. */
  readonly batchInvariant?: boolean | null
}

/** What a rehearsal before the first request gave. */
interface Rehearsal {
  /** Inputs of one row each that the model accepts: for warming up and measuring. */
  readonly samples: readonly Feeds[]
  /** Whether a row's answer stays the same whatever shares its batch; null where this was not looked at. */
  readonly invariance: { readonly all: boolean; readonly reason?: string } | null
}

/** Tries a model before it serves. `judge` asks for the batch invariance too. */
export type Rehearse = (session: Session, file: VersionFile, judge: boolean) => Promise<Rehearsal>

/** How every version on a server runs. */
export interface VersionSettings {
  readonly batch: Omit<BatchSettings, 'maxBatch' | 'crowdBatch' | 'fixedMs'>
  readonly plan: PlanWish
  /** Lines that a process makes ready. */
  readonly capacity: number
  /** Memory that the processes of all models may take together when one more is ready; no limit by default. */
  readonly maxModelsBytes?: number
  /** By model, how requests of different lengths may be brought to one. */
  readonly padding?: ReadonlyMap<string, PaddingRule>
}

/** How requests of a version share runs, in words for the log and the configuration. */
interface Batching {
  readonly rows: number
  readonly reason: string
  /** What became of the rule for requests of different lengths; null where there is none. */
  readonly padding: string | null
}

/** A version of a model that is loaded: its process, its queue, its numbers. */
export class ServedVersion {
  readonly file: VersionFile
  readonly statistics = new VersionStatistics()
  readonly #process: ModelProcess
  readonly #log: Log
  readonly #settings: VersionSettings
  readonly #rehearse: Rehearse | null
  readonly #alone: Alone | undefined
  #batcher!: Batcher
  #model!: LanesModel
  #plan!: Plan
  #batching!: Batching
  #padding: PaddingRule | null = null
  #samples: readonly (readonly ByteTensor[])[] = []
  #state: 'starting' | 'ready' | 'restarting' | 'closed' = 'starting'
  #backAt = 0
  #attempt = 0

  /** @param alone where others are made ready at the same time: how it has the machine for itself. */
  constructor(file: VersionFile, settings: VersionSettings, rehearse: Rehearse | null, log: Log, alone?: Alone) {
    this.#alone = alone
    this.file = file
    this.#settings = settings
    this.#rehearse = rehearse
    this.#log = log
    this.#process = new ModelProcess(
      file.path,
      file.model,
      { capacity: settings.capacity, runLimitMs: settings.batch.runLimitMs },
      { up: (lanes, open) => this.#up(lanes, open), down: (...what) => this.#down(...what) },
      log,
      file,
    )
  }

  get name(): string {
    return this.file.model
  }
  get version(): string {
    return this.file.version
  }
  get ready(): boolean {
    return this.#state === 'ready'
  }
  /** Its process has ended, and its file is another one now: it answers when that is loaded, or the old one is back. */
  get replaced(): boolean {
    return this.#process.replaced
  }
  get state(): string {
    return this.#state
  }
  get ports(): LanesModel {
    return this.#model
  }
  get plan(): Plan {
    return this.#plan
  }
  get batching(): Batching {
    return this.#batching
  }
  get batchSettings(): VersionSettings['batch'] {
    return this.#settings.batch
  }
  get deterministic(): boolean {
    return isDeterministic(this.#model.operators)
  }
  get waiting(): number {
    return this.#batcher.waiting
  }
  get running(): number {
    return this.#batcher.running
  }
  get pid(): number | null {
    return this.#process.lanes?.pid ?? null
  }
  get residentBytes(): number | null {
    return this.#process.lanes?.residentBytes() ?? null
  }

  /**
   * Starts the process, rehearses, measures how to run it, and warms every lane up: only then it is ready.
   *
   * @throws UserError where the model cannot be served.
   */
  async start(): Promise<void> {
    const start = performance.now()
    await this.#process.start((lanes) => (this.#batcher ? this.#prepareAgain(lanes) : this.#prepare(lanes)))
    this.#log.info('model loaded', {
      model: this.name,
      version: this.version,
      digest: this.#model.digest,
      ...this.#plan,
      batching: this.#batching.reason,
      ...(this.#batching.padding === null ? {} : { padding: this.#batching.padding }),
      ms: Math.round(performance.now() - start),
    })
  }

  /**
   * Runs matched inputs.
   *
   * @throws ServeError
   */
  async run(inputs: readonly ByteTensor[], options: JobOptions): Promise<JobResult> {
    if (this.#state === 'closed')
      throw new ServeError('unavailable', `model '${this.name}' is unloaded`, { retryAfter: 1 })
    // A process that fell once is back in a moment, and the request waits in the queue; one that keeps falling is not.
    if (this.#state === 'restarting' && (this.#attempt > 2 || this.replaced)) throw this.#comingBack()
    try {
      const padded = this.#padding && padInputs(this.#padding, inputs)
      if (!padded) return await this.#batcher.run(inputs, options)
      const cut = (result: JobResult) => ({ ...result, outputs: padded.cut(result.outputs) })
      const late = options.late && ((end: JobResult | Error) => options.late!(end instanceof Error ? end : cut(end)))
      return cut(await this.#batcher.run(padded.inputs, { ...options, late }))
    } catch (error) {
      const told = toServeError(error, this.name)
      if (told.code === 'internal' || told.code === 'unavailable')
        this.#log.error('run failed', { model: this.name, version: this.version, error: reasonOf(error) })
      throw told
    }
  }

  /**
   * What the lanes do on sample inputs with nobody in between, in runs of each size that is planned: what a server on this
   * machine cannot pass.
   */
  async offlineSpeeds(ms: number): Promise<readonly Speed[]> {
    const lanes = this.#process.lanes
    const [sample] = this.#samples
    if (!lanes || !sample) throw new Error('internal: no sample to measure with')
    const { instances, maxBatch, crowdBatch } = this.#plan
    const sizes = [...new Set([maxBatch, crowdBatch])]
    const speeds: Speed[] = []
    for (const rows of sizes) speeds.push(await rowSpeed(lanes, sample, rows, instances, ms / sizes.length))
    return speeds
  }

  /** No new requests come: waits until the last is answered, at most `ms`, then ends the process. */
  async drain(ms: number): Promise<void> {
    const over = new AbortController()
    await Promise.race([this.#batcher?.drained(), after(ms, undefined, { signal: over.signal })])
    over.abort()
    await this.close()
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    await this.#process.stop()
    this.#batcher?.reject(new ServeError('unavailable', `model '${this.name}' is unloaded`, { retryAfter: 1 }))
  }

  async #prepare(lanes: Lanes): Promise<number> {
    this.#model = lanes.model
    const obstacle =
      batchObstacle(lanes.model.inputs, lanes.model.operators) ??
      (this.file.batchInvariant === false ? 'its report says that answers depend on the rows beside them' : null)
    const wantsBatches = this.#settings.plan.maxBatch !== 1
    const rehearsal = await this.#rehearse?.(
      laneSession(lanes, machine().runtime),
      this.file,
      obstacle === null && wantsBatches,
    )
    this.#samples = (rehearsal?.samples ?? []).map((feeds) =>
      lanes.model.inputs.map(({ name }) => bytesOfValue(name, feeds[name]!)),
    )
    const proven = rehearsal?.invariance ?? (this.file.batchInvariant ? { all: true } : null)
    const reason =
      obstacle ??
      (proven === null
        ? 'nobody has shown that rows do not change their neighbours'
        : proven.all
          ? null
          : (proven.reason ?? 'rows change their neighbours'))
    this.#plan = await planRun(lanes, this.#settings.plan, this.#samples[0] ?? null, reason === null, this.#alone)
    const { maxBatch, crowdBatch, fixedMs } = this.#plan
    this.#batching = {
      padding: await this.#settlePadding(lanes, crowdBatch > 1),
      rows: crowdBatch,
      reason:
        reason !== null
          ? `requests run one by one: ${reason}`
          : crowdBatch > 1
            ? `up to ${crowdBatch} rows of different requests share a run${crowdBatch > maxBatch ? `, more than ${maxBatch} only where many wait` : ''}; their answers were compared with those of single runs`
            : 'requests run one by one: more rows in a run gain nothing here',
    }
    this.#batcher = new Batcher(this.name, { ...this.#settings.batch, maxBatch, crowdBatch, fixedMs }, (run) => {
      const { statistics } = this
      statistics.executions++
      if (run.failed) return
      statistics.ran(run.rows, run.runMs)
      add(statistics.computeInput, Math.max(0, run.totalMs - run.runMs))
    })
    await this.#warm(lanes)
    return this.#plan.instances
  }

  /** Takes the rule for this model where it was shown to change no answer; in words, what became of it. */
  async #settlePadding(lanes: Lanes, shared: boolean): Promise<string | null> {
    const rule = this.#settings.padding?.get(this.name)
    if (!rule) return null
    const fault = shared
      ? await paddingFault(rule, laneSession(lanes, machine().runtime), async (session) => {
          const rehearsal = await this.#rehearse?.(session, this.file, true)
          return rehearsal?.invariance ?? null
        })
      : 'requests do not share runs'
    if (fault !== null) return `requests are not padded: ${fault}`
    this.#padding = rule
    const lengths = typeof rule.to === 'number' ? `a multiple of ${rule.to}` : `one of ${rule.to.join(', ')}`
    return `${Object.keys(rule.inputs).join(', ')} padded to ${lengths}; the answers were compared with those of rows as they are`
  }

  async #prepareAgain(lanes: Lanes): Promise<number> {
    const { instances, threads } = this.#plan
    await Promise.all(
      Array.from({ length: instances }, (_, lane) => (lane === 0 && threads === 1 ? 0 : lanes.open(lane, { threads }))),
    )
    await this.#warm(lanes)
    return instances
  }

  /** The first runs allocate and plan memory: they are nobody's requests. */
  async #warm(lanes: Lanes): Promise<void> {
    for (const sample of this.#samples.slice(0, 2))
      await Promise.all(Array.from({ length: this.#plan.instances }, (_, lane) => lanes.run(lane, sample)))
  }

  #up(lanes: Lanes, open: number): void {
    if (this.#state === 'restarting') {
      this.statistics.restarts++
      this.#log.info('model process is back', { model: this.name, version: this.version })
    }
    this.#state = 'ready'
    this.#batcher.attach(lanes, open)
  }

  #down(_how: string, inMs: number, attempt: number): void {
    this.#state = 'restarting'
    this.#attempt = attempt
    this.#backAt = performance.now() + inMs
    this.#batcher.detach()
    if (attempt > 2 || this.replaced) this.#batcher.reject(this.#comingBack())
  }

  #comingBack(): ServeError {
    const seconds = Math.max(1, Math.ceil((this.#backAt - performance.now()) / 1000))
    const why = this.replaced
      ? 'is not ready: its file was replaced after it was loaded, so it must be loaded again'
      : 'is starting again after a fault'
    return new ServeError('unavailable', `model '${this.name}' ${why}`, { retryAfter: seconds })
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof ServeError ? (error.cause ?? error) : error
  return cause instanceof UserError || cause instanceof Error ? cause.message : String(cause)
}
