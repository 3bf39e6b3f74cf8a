import { type Lanes, startLanes } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Log } from '../log.ts'
import { limitRuns } from './run-limit.ts'

/** How a restarted process comes back to what the first one was: the lanes opened, and how many there are. */
type Prepare = (lanes: Lanes) => Promise<number>

interface ProcessEvents {
  up(lanes: Lanes, open: number): void
  /** Ended by itself; the next start is `inMs` away, `attempt` counts failures on end. */
  down(how: string, inMs: number, attempt: number): void
}

/** What the source of a file knows of it. */
export interface KnownFile {
  /** `sha256:` of the model. */
  readonly digest?: string
  /** Rejects with a UserError where its bytes are no longer those. */
  readonly check?: () => Promise<unknown>
}

/** Back-off doubles from the first to the last; a process that lived this long starts anew with the first. */
const FIRST_MS = 50
const LAST_MS = 30_000
const STABLE_MS = 60_000

/** Rejects when the signal is given, or was; listens no longer when `over` is. */
function abortOf(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over })
  })
}

/** The process of a model version, started again whenever it ends. */
export class ModelProcess {
  readonly #path: string
  readonly #label: string
  readonly #capacity: number
  readonly #runLimitMs: number
  readonly #events: ProcessEvents
  readonly #log: Log
  #lanes: Lanes | null = null
  #timer: NodeJS.Timeout | null = null
  readonly #stopped = new AbortController()
  #failures = 0
  readonly #known: KnownFile
  #loaded: string | null = null
  #replaced = false

  /** @param runLimitMs a run that takes longer while the process is made ready has hung, and the start fails. */
  constructor(
    path: string,
    label: string,
    { capacity, runLimitMs }: { readonly capacity: number; readonly runLimitMs: number },
    events: ProcessEvents,
    log: Log,
    known: KnownFile,
  ) {
    this.#path = path
    this.#label = label
    this.#capacity = capacity
    this.#runLimitMs = runLimitMs
    this.#events = events
    this.#log = log
    this.#known = known
  }

  get lanes(): Lanes | null {
    return this.#lanes
  }

  /** The last file that could be read is not the one that was loaded: nobody has rehearsed it, and it is not run. */
  get replaced(): boolean {
    return this.#replaced
  }

  /** @throws UserError where the first start fails; later ones are tried again. */
  async start(prepare: Prepare): Promise<Lanes> {
    const { digest: given, check } = this.#known
    if (this.#loaded !== null) await check?.()
    const lanes = await startLanes(this.#path, {
      capacity: this.#capacity,
      label: this.#label,
      ...(given ? { digest: given } : {}),
      signal: this.#stopped.signal,
    })
    const prepared = new AbortController()
    try {
      const { digest } = lanes.model
      this.#replaced = this.#loaded !== null && digest !== this.#loaded
      if (this.#replaced)
        throw new UserError('bad-model', `the file was replaced: ${this.#loaded} was loaded, ${digest} is there`, {
          where: this.#path,
          hint: `load it, so that it is rehearsed (POST /v2/repository/models/${this.#label}/load), or put the old file back`,
        })
      const limited = limitRuns(lanes, this.#runLimitMs, this.#label)
      const stopped = abortOf(this.#stopped.signal, prepared.signal)
      const open = await Promise.race([prepare(limited.lanes), limited.hung, stopped])
      this.#loaded = digest
      this.#lanes = lanes
      const born = performance.now()
      void lanes.ended.then(({ how, complaint }) => this.#ended(how, complaint, born, prepare))
      this.#events.up(lanes, open)
      return lanes
    } catch (error) {
      await lanes.stop()
      throw error
    } finally {
      prepared.abort()
    }
  }

  /** Ends it, also while it starts: then `start` rejects. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    if (this.#timer) clearTimeout(this.#timer)
    await this.#lanes?.stop()
    this.#lanes = null
  }

  #ended(how: string, complaint: string, born: number, prepare: Prepare): void {
    this.#lanes = null
    if (this.#stopped.signal.aborted) return
    if (performance.now() - born > STABLE_MS) this.#failures = 0
    this.#log.warn('model process ended', { model: this.#label, how, complaint: complaint.trim().slice(-500) })
    this.#again(how, prepare)
  }

  #again(how: string, prepare: Prepare): void {
    const inMs = Math.min(LAST_MS, FIRST_MS * 2 ** this.#failures++)
    this.#events.down(how, inMs, this.#failures)
    this.#timer = setTimeout(() => {
      this.start(prepare).catch((error: Error) => {
        if (this.#stopped.signal.aborted) return
        const { where, hint } = error instanceof UserError ? error : {}
        this.#log.error('model process did not start', { model: this.#label, error: error.message, where, hint })
        this.#again(error.message, prepare)
      })
    }, inMs)
  }
}
