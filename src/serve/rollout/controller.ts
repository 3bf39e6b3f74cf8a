import { randomBytes } from 'node:crypto'
import type { UserError } from '../../platform/index.ts'
import type { IncidentReport, RolloutReport, RolloutSettings } from '../../report/index.ts'
import { counted, DEFAULT_ROLLOUT, incidentOf } from '../../rollout/index.ts'
import type { LiveVersion, State } from '../../state/index.ts'
import type { Log } from '../log.ts'
import type { ModelSource } from '../repository/source.ts'
import type { Outcome, Route, RouteRequest, Router } from '../router.ts'
import { ServeError } from '../serve-error.ts'
import type { Notify } from '../webhooks.ts'
import { ActiveRollout, type KeptBody, reportOf } from './active.ts'
import type { Fleet } from './fleet.ts'
import { changeOf, isTaken, Ledger, unavailable } from './ledger.ts'
import type { Label } from './pairing.ts'
import type { Ending, Unwritten } from './unwritten.ts'

/** The version to try, and settings that differ from the defaults. */
export interface StartRequest extends Partial<RolloutSettings> {
  readonly candidate: string
}

const KEEP_EVERY_MS = 5000
/** How long the start of a rollout waits until the end of the last one is written. */
const ENDING_MS = 10_000
/** A server without a sign of life for this long loses its rollouts to those that are alive. */
export const ABANDONED_MS = 60_000

interface ControllerOptions {
  readonly drill?: boolean
  readonly notify?: Notify
  readonly unwritten?: Unwritten | null
  readonly comparison?: ModelSource['comparison']
}

/** Starts, watches and ends the rollouts of a server. Routing and decisions never wait for the database. */
export class RolloutController implements Router {
  /** The versions that rollouts left live, by the name of the model. */
  readonly pins = new Map<string, LiveVersion>()
  readonly #state: State
  readonly #fleet: Fleet
  readonly #log: Log
  readonly #drill: boolean
  readonly #comparison: NonNullable<ModelSource['comparison']>
  readonly #notify: Notify
  /** By the name of the model; a rollout that has ended stays until the next one. */
  readonly #active = new Map<string, ActiveRollout>()
  readonly #starting = new Set<string>()
  readonly #ledger: Ledger
  #timer: NodeJS.Timeout | null = null
  #incidents = 0

  constructor(state: State, fleet: Fleet, log: Log, options: ControllerOptions = {}) {
    this.#state = state
    this.#fleet = fleet
    this.#log = log
    this.#ledger = new Ledger(state, options.unwritten ?? null, log)
    this.#drill = options.drill ?? false
    this.#comparison = options.comparison ?? (() => 'whet compare BASE CANDIDATE --data YOUR_ROWS')
    this.#notify = options.notify ?? (() => {})
  }

  choose(request: RouteRequest): Route {
    const active = this.#active.get(request.model)
    if (!active) return { version: request.live }
    this.moved(request.model, request.live)
    // Where the rollout has ended, the live version answers.
    return request.live === active.base.version ? active.route(request) : { version: request.live }
  }

  /**
   * To be called when the live version (null where there is none) or its file was changed from outside. That ends a
   * rollout, since its evidence is about the digests that it began with.
   */
  moved(name: string, live: string | null, digest?: string): void {
    const active = this.#active.get(name)
    if (!active?.running) return
    const { version, digest: judged } = active.base
    const same = live === version
    if (same && (digest === undefined || digest === judged)) return
    const what = same
      ? `version ${live} was loaded again, and is another model`
      : live === null
        ? 'the model was unloaded'
        : `version ${live} was made live by somebody`
    this.#end(active, `stopped: ${what}`)
  }

  observe(outcome: Outcome): void {
    const active = this.#active.get(outcome.model)
    if (active?.observe(outcome)) this.#conclude(active)
  }

  /** Labels of requests that a rollout may have paired. */
  feedback(name: string, tenant: string, requestId: string, label: Label): 'joined' | 'waiting' | 'unusable' {
    const active = this.#active.get(name)
    if (!active) return 'unusable'
    const became = active.label(tenant, requestId, label)
    if (became !== 'ended') return became
    this.#conclude(active)
    return 'joined'
  }

  /**
   * @throws ServeError for a model or version that is not there, where a rollout of the model goes on, and where the end
   * of the last one cannot be written.
   */
  async start(name: string, request: StartRequest, who: string): Promise<RolloutReport> {
    if (this.#starting.has(name) || this.#active.get(name)?.running)
      throw new ServeError('conflict', `a rollout of '${name}' is going on: stop it first`)
    this.#starting.add(name)
    try {
      // The end of the last rollout frees versions, perhaps this candidate, and records the live one: it must come
      // first.
      if (!(await this.#ledger.settledWithin(ENDING_MS)))
        throw unavailable(new Error('the end of the last rollout is not written'))
      const base = this.#fleet.live(name)
      const { version, known } = await this.#fleet.find(name, request.candidate)
      if (version === base) throw new ServeError('invalid', `version ${version} of '${name}' answers already`)
      await this.#fleet.warm(name, version)
      let active: ActiveRollout | null = null
      let live: LiveVersion
      try {
        active = await this.#prepared(name, base, version, request)
        // After a restart the base must still be live, even where another version is newer.
        live = { name, version: base, known: active.withSides(known) }
        const { settings } = active.state
        await this.#state.keep(changeOf(active, 'rollout-start', who, { live, settings }))
      } catch (error) {
        // The process was started for this rollout alone, so nothing else would end it.
        await this.#fleet.retire(name, version)
        if (!active) throw error
        this.#withdraw(active, error)
        throw this.#notKept(error)
      }
      this.pins.set(name, live)
      this.#active.set(name, active)
      this.#watch()
      // The live version may have changed while the rollout started.
      this.moved(name, this.#liveOrNull(name))
      const { id, state } = active
      this.#log.info('rollout started', { model: name, rollout: id, base, candidate: version, ...state.settings })
      return active.report()
    } finally {
      this.#starting.delete(name)
    }
  }

  async stop(name: string, who: string): Promise<RolloutReport> {
    const active = this.#active.get(name)
    if (!active?.running) throw new ServeError('not-found', `no rollout of '${name}' is going on`)
    await this.#end(active, `stopped by ${who} after ${counted(active.state.pairs, 'pair')}`, who)
    return active.report()
  }

  /** The last rollout of a model. */
  async status(name: string): Promise<RolloutReport> {
    const active = this.#active.get(name)
    if (active) return active.report()
    const [kept] = await this.#state.rollouts(name).catch(this.#unreachable)
    if (!kept) this.nothingYet(name, `there was no rollout of '${name}' yet`)
    return reportOf(kept, kept.body as KeptBody)
  }

  /** @throws ServeError always: `words` where the model exists, otherwise that it does not. */
  nothingYet(name: string, words: string): never {
    this.#fleet.live(name)
    throw new ServeError('not-found', words)
  }

  async all(): Promise<readonly RolloutReport[]> {
    const kept = await this.#state.rollouts(null).catch(this.#unreachable)
    return kept.map((one) => {
      const active = this.#active.get(one.name)
      return active?.id === one.id ? active.report() : reportOf(one, one.body as KeptBody)
    })
  }

  incidents(): Promise<readonly IncidentReport[]> {
    return this.#state.incidents().catch(this.#unreachable)
  }

  async incident(id: string): Promise<IncidentReport> {
    const found = await this.#state.incident(id).catch(this.#unreachable)
    if (!found) throw new ServeError('not-found', `there is no incident "${id}"`)
    return found
  }

  async acknowledge(id: string, who: string, note: string): Promise<IncidentReport> {
    const found = await this.#state
      .acknowledge(id, { by: who, at: new Date().toISOString(), note })
      .catch(this.#unreachable)
    if (!found) throw new ServeError('not-found', `there is no incident "${id}"`)
    return found
  }

  /**
   * Resumes rollouts that were under way when this server, or another one that is silent since, ended. Gives up those
   * that another server has taken over because this one was silent.
   *
   * @param names of the models that this server has; null resumes all, and ends those that it cannot resume.
   */
  async resume(names: readonly string[] | null): Promise<void> {
    const before = [...this.#active.values()].filter(({ running }) => running)
    const own = await this.#state.claim(ABANDONED_MS, names)
    for (const active of before) {
      if (!active.running || own.some(({ id }) => id === active.id)) continue
      this.#active.delete(active.name)
      this.#log.warn('another server goes on with a rollout', { model: active.name, rollout: active.id })
      await this.#fleet.retire(active.name, active.candidate.version).catch(() => {})
    }
    for (const kept of own) {
      if (this.#active.get(kept.name)?.id === kept.id) continue
      const body = kept.body as KeptBody
      const active = new ActiveRollout(kept, body, body)
      try {
        const live = this.#fleet.live(kept.name)
        if (live !== active.base.version) throw new Error(`version ${live} is live`)
        await this.#fleet.warm(kept.name, active.candidate.version)
        for (const { version, digest } of [active.base, active.candidate])
          if ((await this.#fleet.side(kept.name, version)).digest !== digest)
            throw new Error(`version ${version} is another model now`)
        this.#active.set(kept.name, active)
        this.#watch()
        this.#log.info('rollout goes on', { model: kept.name, rollout: kept.id, pairs: active.state.pairs })
      } catch (error) {
        // Whoever comes next goes on with it.
        if (this.#fleet.stopping) return
        await this.#end(active, `stopped: it could not go on after a restart (${(error as Error).message})`)
      }
    }
  }

  /** Lets the versions answer that other servers have made live since this one last looked. */
  async follow(lives: readonly LiveVersion[]): Promise<void> {
    for (const live of lives) {
      const { name, version } = live
      if (this.pins.get(name)?.version === version || this.#active.get(name)?.running) continue
      const before = this.#liveOrNull(name)
      try {
        // What is not served here has nothing to change; it begins with the right one when it is.
        if (before !== null && before !== version) await this.#fleet.load(name, version)
        this.pins.set(name, live)
        this.#log.info('follows the other servers', { model: name, version, before })
      } catch (error) {
        this.#log.error('cannot follow the other servers; it is tried again', {
          model: name,
          version,
          error: (error as Error).message,
        })
      }
    }
  }

  get rollouts(): Iterable<ActiveRollout> {
    return this.#active.values()
  }
  /** Since the server started. */
  get rolledBack(): number {
    return this.#incidents
  }

  /** Waits until everything is written, or could not be. */
  async close(): Promise<void> {
    this.#ledger.close()
    if (this.#timer) clearInterval(this.#timer)
    for (const active of this.#active.values()) this.#keepProgress(active)
    await this.#ledger.settled()
  }

  /** Everything written so far. */
  settled(): Promise<void> {
    return this.#ledger.settled()
  }

  /** A rollout of a version that is warm, by what the request and the evidence say. */
  async #prepared(
    name: string,
    base: string,
    version: string,
    { candidate: _, ...given }: StartRequest,
  ): Promise<ActiveRollout> {
    const margin = given.margin ?? DEFAULT_ROLLOUT.margin
    const settings: RolloutSettings = {
      ...DEFAULT_ROLLOUT,
      maxDisagreement: Math.min(0.99, await this.#allowedDisagreement(name, base, version, margin)),
      ...given,
    }
    return new ActiveRollout(
      { id: `r-${randomBytes(6).toString('hex')}`, name, started: new Date().toISOString() },
      { base: await this.#fleet.side(name, base), candidate: await this.#fleet.side(name, version) },
      settings,
    )
  }

  /** What the evidence of the versions promises, and the margin on top; without evidence twice the margin. */
  async #allowedDisagreement(name: string, base: string, candidate: string, margin: number): Promise<number> {
    const changed = await this.#fleet.changed(name, base, candidate)
    return Math.max(2 * margin, changed === null ? 0 : changed + margin)
  }

  /** The verdict is in the state already and the router has obeyed it: this tells the rest of the world. */
  #conclude(active: ActiveRollout, who = 'whetstone'): Promise<void> {
    const { name, base, candidate } = active
    const at = new Date().toISOString()
    active.ended = at
    const { state, verdict } = active.state
    let incident: IncidentReport | undefined
    if (state === 'rolled-back') {
      const comparison = this.#comparison(name, base.version, candidate.version)
      const id = `i-${randomBytes(6).toString('hex')}`
      active.incident = id
      incident = incidentOf(active.report(), { id, at, drill: this.#drill, comparison, ...active.seen })
      this.#incidents++
    }
    const report = active.report()
    this.#log[incident ? 'warn' : 'info'](`rollout ended: ${state}`, {
      model: name,
      rollout: active.id,
      verdict,
      reason: report.reason,
      pairs: report.pairs,
      eValue: report.eValue,
      ...(incident ? { incident: incident.id } : {}),
    })
    if (state !== 'running') this.#notify({ event: `rollout-${state}`, data: incident ?? report })
    active.changed = false
    return this.#ledger.end(this.#ending(active, who, incident), async () => {
      if (state === 'promoted') await this.#fleet.promote(name, candidate.version)
      const gone = (state === 'promoted' ? base : candidate).version
      if (this.#liveOrNull(name) !== gone) await this.#fleet.retire(name, gone)
    })
  }

  /** What is to be remembered of a rollout that has ended; from now on its version stays live. */
  async #ending(active: ActiveRollout, who: string, incident?: IncidentReport): Promise<Ending> {
    const { name, base, candidate } = active
    const { known } = await this.#fleet.find(name, candidate.version).catch(() => ({ known: [] }))
    const { state } = active.state
    const { version } = state === 'promoted' ? candidate : base
    const live: LiveVersion = { name, version, known: active.withSides(known) }
    const moves = state !== 'stopped' || this.#liveOrNull(name) === base.version
    if (moves) this.pins.set(name, live)
    const change = changeOf(active, `rollout-${state}`, who, { reason: active.report().reason })
    return { ...change, ...(incident ? { incident } : {}), ...(moves ? { live } : {}) }
  }

  #end(active: ActiveRollout, note: string, who?: string): Promise<void> {
    active.stop(note)
    return this.#conclude(active, who)
  }

  /** A start whose answer was lost may be there: nobody has heard of it, so it must not go on when it is found. */
  #withdraw(active: ActiveRollout, error: unknown): void {
    if (isTaken(error)) return
    active.stop('stopped: its start could not be written')
    void this.#ledger.end(changeOf(active, 'rollout-stopped', 'whetstone', { reason: active.report().reason }))
  }

  #notKept(error: unknown): ServeError {
    return isTaken(error)
      ? new ServeError('conflict', 'a rollout of this model is going on: stop it first', { cause: error })
      : this.#unreachable(error)
  }

  readonly #unreachable = (error: unknown): never => {
    const { message, where, hint } = error as Partial<UserError>
    this.#log.error('the database cannot be reached', { error: message, where, hint })
    throw unavailable(error)
  }

  #liveOrNull(name: string): string | null {
    try {
      return this.#fleet.live(name)
    } catch {
      return null
    }
  }

  #watch(): void {
    this.#timer ??= setInterval(() => {
      for (const active of this.#active.values()) this.#keepProgress(active)
    }, KEEP_EVERY_MS).unref()
  }

  #keepProgress(active: ActiveRollout): void {
    if (!active.running || !active.changed) return
    active.changed = false
    const { id, name, started } = active
    const rollout = { id, name, started, state: 'running', body: active.body() }
    void this.#ledger.write(async () => {
      // The next one holds all that this one holds.
      await this.#state.keep({ rollout }).catch((error: Error) => {
        active.changed = true
        this.#log.error('the progress of a rollout could not be kept', { model: name, error: error.message })
      })
    })
  }
}
