import { availableParallelism } from 'node:os'
import { UserError } from '../../platform/index.ts'
import type { Log } from '../log.ts'
import type { Alone } from '../model/plan.ts'
import { type Rehearse, ServedVersion, type VersionFile, type VersionSettings } from '../model/served-version.ts'
import { ServeError } from '../serve-error.ts'
import { SharedMachine } from './shared-machine.ts'
import type { ModelSource } from './source.ts'

type ModelState = 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING'

/** A model: the version that answers, and others that are loaded beside it. */
interface ServedModel {
  readonly name: string
  live: ServedVersion | null
  readonly warm: Map<string, ServedVersion>
  state: ModelState
  reason: string
}

/** A version as the list of models shows it. */
export interface IndexEntry {
  readonly name: string
  readonly version: string
  readonly state: ModelState
  readonly reason: string
}

/** Milliseconds that a version which is taken out of service has for its last requests. */
const DRAIN_MS = 60_000

/** Models that are loaded side by side: machines with many cores may still run out of memory. */
const LOADS_AT_ONCE = 4

/**
 * The models of a server. Changes to one model are made one after the other, those to different models side by side.
 */
export class ModelRegistry {
  readonly #source: ModelSource
  readonly #settings: VersionSettings
  readonly #rehearse: Rehearse | null
  readonly #log: Log
  readonly #models = new Map<string, ServedModel>()
  readonly #acts = new Map<string, Promise<unknown>>()
  readonly #draining = new Set<Promise<void>>()
  readonly #starting = new Set<ServedVersion>()
  #stopping = false
  readonly #failed = new Set<string>()
  /** Called when a load or unload has changed the version that answers for a model; null where none does. */
  moved: (name: string, live: ServedVersion | null) => void = () => {}

  constructor(source: ModelSource, settings: VersionSettings, rehearse: Rehearse | null, log: Log) {
    this.#source = source
    this.#settings = settings
    this.#rehearse = rehearse
    this.#log = log
  }

  /** Models that the source offered when the server started, and that have not loaded since. */
  get failed(): Iterable<string> {
    return this.#failed
  }

  get stopping(): boolean {
    return this.#stopping
  }

  get models(): Iterable<ServedModel> {
    return this.#models.values()
  }

  /** Every version that is loaded, model by model. */
  get versions(): readonly ServedVersion[] {
    return [...this.#models.values()].flatMap(({ warm }) => [...warm.values()])
  }

  /** @throws ServeError `not-found` for a model that is not loaded. */
  model(name: string): ServedModel {
    const model = this.#models.get(name)
    if (!model) throw unknownModel(name)
    return model
  }

  /** The version that answers, or the one that is named. @throws ServeError */
  version(name: string, version: string): ServedVersion {
    const model = this.model(name)
    if (version !== '') {
      const named = model.warm.get(version)
      if (!named)
        throw new ServeError('not-found', `Request for unknown model: '${name}' version ${version} is not found`)
      return named
    }
    if (!model.live) throw unavailable(model)
    return model.live
  }

  /**
   * Whether the server is ready. As long as any model answers, it is: adding a model that does not load must not take
   * the server away from the clients of the others. It is not ready where models failed and none answers; with an empty
   * folder it is.
   */
  get ready(): boolean {
    const models = [...this.#models.values()]
    const lost = this.#failed.size > 0 || models.some(({ live }) => live?.replaced)
    return !lost || models.some(({ live }) => live !== null && !live.replaced)
  }

  /**
   * Loads the newest version of everything, several models at a time; a model that fails is listed with its reason and
   * does not stop others.
   */
  async loadAll(): Promise<void> {
    const machine = new SharedMachine()
    const names = (await this.#source.list()).map(({ name }) => name).values()
    const loadOnEnd = async () => {
      for (const name of names) {
        if (this.#stopping) return
        await machine
          .beside(() => this.#load(name, null, (measure) => machine.alone(measure)))
          .catch((error: Error) => {
            if (this.#stopping) return
            this.#failed.add(name)
            this.#log.error('model could not be loaded', { model: name, error: error.message })
          })
      }
    }
    await Promise.all(Array.from({ length: Math.min(LOADS_AT_ONCE, availableParallelism()) }, loadOnEnd))
  }

  /**
   * Loads a version (the newest where `version` is null) and lets it answer as soon as it is warm; the one that answered
   * before finishes what it has. Where the load fails, nothing changes.
   *
   * @throws ServeError
   */
  load(name: string, version: string | null): Promise<ServedVersion> {
    return this.#load(name, version)
  }

  #load(name: string, version: string | null, alone?: Alone): Promise<ServedVersion> {
    return this.#act(name, async () => {
      const model = this.#models.get(name) ?? this.#enter(name)
      const before = model.state
      if (!model.live) model.state = 'LOADING'
      try {
        const next = await this.#start(name, version, alone)
        const old = model.warm.get(next.version)
        model.warm.set(next.version, next)
        this.#makeLive(model, next)
        if (old && old !== next) this.#drain(old)
        return next
      } catch (error) {
        model.state = before
        model.reason = error instanceof UserError ? error.message : ''
        if (!model.live && model.warm.size === 0) this.#forgetIfUnknown(model)
        throw loadError(error, name)
      }
    })
  }

  /** Loads a version beside the live one, which goes on answering. */
  warm(name: string, version: string): Promise<ServedVersion> {
    return this.#act(name, async () => {
      const model = this.model(name)
      const there = model.warm.get(version)
      if (there) return there
      try {
        const next = await this.#start(name, version)
        model.warm.set(next.version, next)
        return next
      } catch (error) {
        throw loadError(error, name)
      }
    })
  }

  /** Makes a loaded version live; the old one stays loaded. It is one assignment, so no request sees half of it. */
  promote(name: string, version: string): Promise<ServedVersion> {
    return this.#act(name, async () => {
      const next = this.version(name, version)
      this.model(name).live = next
      return next
    })
  }

  /** Unloads a version that is not live. */
  retire(name: string, version: string): Promise<void> {
    return this.#act(name, async () => {
      const model = this.model(name)
      const old = this.version(name, version)
      if (old === model.live) throw new ServeError('conflict', `version ${version} of model '${name}' is live`)
      model.warm.delete(version)
      this.#drain(old)
    })
  }

  /**
   * Takes a model out of service. One that could not be loaded no longer counts as failed.
   *
   * @throws ServeError where nothing of that name is loaded.
   */
  unload(name: string): Promise<void> {
    return this.#act(name, async () => {
      if (this.#failed.delete(name)) return
      const model = this.model(name)
      if (!model.live) throw new ServeError('invalid', `failed to unload '${name}': it is not loaded`)
      model.state = 'UNLOADING'
      model.live = null
      const versions = [...model.warm.values()]
      model.warm.clear()
      this.moved(name, null)
      await Promise.all(versions.map((version) => version.drain(DRAIN_MS)))
      model.state = 'UNAVAILABLE'
      model.reason = 'unloaded'
    })
  }

  /** Every version that the source offers or that is loaded; of each model the loaded ones first, the rest newest first. */
  async index(): Promise<readonly IndexEntry[]> {
    const offered = new Map((await this.#source.list()).map(({ name, versions }) => [name, [...versions].reverse()]))
    const names = new Set([...offered.keys(), ...this.#models.keys()])
    return [...names].flatMap((name) => {
      const model = this.#models.get(name)
      const loaded = [...(model?.warm ?? [])].map(([version, { replaced }]): IndexEntry => {
        const reason = replaced ? 'its file was replaced after it was loaded' : ''
        return { name, version, state: replaced ? 'UNAVAILABLE' : 'READY', reason }
      })
      const rest = (offered.get(name) ?? []).filter((version) => !model?.warm.has(version))
      const others = rest.map((version, i): IndexEntry => {
        // Where a model has no live version, its newest one shows the model's state.
        const known = i === 0 && model && !model.live
        return known
          ? { name, version, state: model.state, reason: model.reason }
          : { name, version, state: 'UNAVAILABLE', reason: 'not loaded' }
      })
      return [...loaded, ...others]
    })
  }

  /** Gives up the loads that are under way, whose callers get an error, and refuses new ones. */
  async stopLoading(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#starting].map((version) => version.close()))
  }

  /** Closes all versions; requests that are under way have at most `ms` milliseconds. */
  async close(ms: number): Promise<void> {
    await this.stopLoading()
    await Promise.all(this.versions.map((version) => version.drain(ms)))
    await Promise.all(this.#draining)
  }

  async #start(name: string, version: string | null, alone?: Alone): Promise<ServedVersion> {
    const stopping = () => new ServeError('unavailable', `failed to load '${name}': the server is stopping`)
    const tell = (version: string | null, error: unknown) =>
      this.#log.error('a version did not start', { model: name, version, ...detailOf(error) })
    const file: VersionFile | null = await this.#source.find(name, version).catch((error: unknown) => {
      tell(version, error)
      throw error
    })
    if (this.#stopping) throw stopping()
    if (!file)
      throw new ServeError(
        'not-found',
        `failed to load '${name}': no such model${version ? ` or version ${version}` : ''} in the repository`,
      )
    const next = new ServedVersion(file, this.#settings, this.#rehearse, this.#log, alone)
    this.#starting.add(next)
    try {
      await next.start()
      this.#checkRoom(next)
    } catch (error) {
      if (this.#stopping) throw stopping()
      await next.close()
      tell(next.version, error)
      throw error
    } finally {
      this.#starting.delete(next)
    }
    return next
  }

  /** @throws UserError where the processes of all models are too large together, with one that is ready now. */
  #checkRoom(next: ServedVersion): void {
    const { maxModelsBytes } = this.#settings
    const bytes = [...this.versions, next].reduce((sum, { residentBytes }) => sum + (residentBytes ?? 0), 0)
    if (maxModelsBytes !== undefined && bytes > maxModelsBytes)
      throw new UserError(
        'out-of-resources',
        `with it the models take ${Math.ceil(bytes / 2 ** 20)} MiB, and may take ${Math.floor(maxModelsBytes / 2 ** 20)}`,
        { where: next.name, hint: 'unload a model that is not needed, or give --max-models more' },
      )
  }

  #makeLive(model: ServedModel, next: ServedVersion): void {
    const before = model.live
    model.live = next
    model.state = 'READY'
    this.#failed.delete(model.name)
    model.reason = ''
    if (before && before !== next && before.version !== next.version) {
      model.warm.delete(before.version)
      this.#drain(before)
    }
    this.moved(model.name, next)
  }

  #drain(version: ServedVersion): void {
    const done = version.drain(DRAIN_MS).finally(() => this.#draining.delete(done))
    this.#draining.add(done)
  }

  #enter(name: string): ServedModel {
    const model: ServedModel = { name, live: null, warm: new Map(), state: 'UNAVAILABLE', reason: '' }
    this.#models.set(name, model)
    return model
  }

  /** A name that was never loaded leaves nothing behind, or clients could fill the list with names. */
  #forgetIfUnknown(model: ServedModel): void {
    if (model.reason === '') this.#models.delete(model.name)
  }

  #act<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#acts.get(name) ?? Promise.resolve()
    const act = before.then(work, work)
    const settled = act.then(
      () => {},
      () => {},
    )
    this.#acts.set(name, settled)
    void settled.then(() => {
      if (this.#acts.get(name) === settled) this.#acts.delete(name)
    })
    return act
  }
}

const unknownModel = (name: string) => new ServeError('not-found', `Request for unknown model: '${name}' is not found`)

const unavailable = ({ name, state }: ServedModel) =>
  state === 'LOADING'
    ? new ServeError('unavailable', `model '${name}' is still loading`, { retryAfter: 1 })
    : new ServeError('not-found', `Request for unknown model: '${name}' has no available versions`)

const detailOf = (error: unknown) =>
  error instanceof UserError
    ? { error: error.message, where: error.where, hint: error.hint }
    : { error: error instanceof Error ? error.message : String(error) }

/** The log has the details; the client learns the kind alone, because the texts name files and nodes. */
function loadError(error: unknown, name: string): ServeError {
  if (error instanceof ServeError) return error
  const why =
    error instanceof UserError
      ? {
          'bad-model': 'the file is no valid model',
          'bad-data': 'the file is damaged',
          unsupported: 'the runtime cannot run it',
          'out-of-resources': 'there is not enough memory',
        }[error.code as string]
      : undefined
  return new ServeError('invalid', `failed to load '${name}': ${why ?? 'it could not be started'}`, { cause: error })
}
