import { type Lanes, startLanes } from '../../engine/index.ts'
import type { Log } from '../log.ts'

/** How a restarted process comes back to what the first one was: the lanes opened, and how many there are. */
export type Prepare = (lanes: Lanes) => Promise<number>

export interface ProcessEvents {
  up(lanes: Lanes, open: number): void
  /** Ended by itself; the next start is `inMs` away, `attempt` counts failures on end. */
  down(how: string, inMs: number, attempt: number): void
}

/** Back-off doubles from the first to the last; a process that lived this long starts anew with the first. */
const FIRST_MS = 50
const LAST_MS = 30_000
const STABLE_MS = 60_000

/** The process of a model version, started again whenever it ends. */
export class ModelProcess {
  readonly #path: string
  readonly #label: string
  readonly #capacity: number
  readonly #events: ProcessEvents
  readonly #log: Log
  #lanes: Lanes | null = null
  #timer: NodeJS.Timeout | null = null
  #stopped = false
  #failures = 0
  #digest: string | undefined

  constructor(path: string, label: string, capacity: number, events: ProcessEvents, log: Log, digest?: string) {
    this.#path = path
    this.#label = label
    this.#capacity = capacity
    this.#events = events
    this.#log = log
    this.#digest = digest
  }

  get lanes(): Lanes | null {
    return this.#lanes
  }

  /** @throws UserError where the first start fails; later ones are tried again. */
  async start(prepare: Prepare): Promise<Lanes> {
    const lanes = await startLanes(this.#path, {
      capacity: this.#capacity,
      label: this.#label,
      ...(this.#digest ? { digest: this.#digest } : {}),
    })
    try {
      const open = await prepare(lanes)
      if (this.#stopped) throw new Error('internal: stopped while it started')
      this.#digest = lanes.model.digest
      this.#lanes = lanes
      const born = performance.now()
      void lanes.ended.then(({ how, complaint }) => this.#ended(how, complaint, born, prepare))
      this.#events.up(lanes, open)
      return lanes
    } catch (error) {
      await lanes.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#lanes?.stop()
    this.#lanes = null
  }

  #ended(how: string, complaint: string, born: number, prepare: Prepare): void {
    this.#lanes = null
    if (this.#stopped) return
    if (performance.now() - born > STABLE_MS) this.#failures = 0
    this.#log.warn('model process ended', { model: this.#label, how, complaint: complaint.trim().slice(-500) })
    this.#again(how, prepare)
  }

  #again(how: string, prepare: Prepare): void {
    const inMs = Math.min(LAST_MS, FIRST_MS * 2 ** this.#failures++)
    this.#events.down(how, inMs, this.#failures)
    this.#timer = setTimeout(() => {
      this.start(prepare).catch((error: Error) => {
        if (this.#stopped) return
        this.#log.error('model process did not start', { model: this.#label, error: error.message })
        this.#again(error.message, prepare)
      })
    }, inMs)
  }
}
