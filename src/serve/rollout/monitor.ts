import type { DriftReport } from '../../report/index.ts'
import {
  type DriftSettings,
  type DriftState,
  driftReport,
  type Glance,
  glance,
  startDrift,
} from '../../rollout/index.ts'
import type { State } from '../../state/index.ts'
import type { Log } from '../log.ts'
import type { Outcome } from '../router.ts'
import type { Notify } from '../webhooks.ts'
import { glanceAt } from './glance.ts'

interface Watched {
  readonly version: string
  /** Of the model: what was usual for it stays usual when it is served again. */
  readonly digest: string
  state: DriftState
  kept: Promise<void>
}

/** What was seen of a version before it was known what is usual for it. */
interface Early {
  readonly version: string
  readonly digest: string
  readonly seen: Glance[]
  /** null where the last try failed: a request tries again after a while. */
  opening: Promise<void> | null
  /** Not before this time (`performance.now()`): requests are many, and each try is a line of the log. */
  tryAgain: number
}

/** Requests of one model that wait to be looked at. */
const MOST_WAITING = 100
/** Early requests that are remembered: the database may take seconds to start. */
const MOST_EARLY = 1000
const TRY_AGAIN_MS = 5000

/** Watches what the live versions are asked and what they answer. Nothing of a request is kept but a few numbers. */
export class DriftMonitor {
  readonly #state: State
  readonly #digestOf: (name: string, version: string) => string
  readonly #log: Log
  readonly #settings: DriftSettings
  readonly #notify: Notify
  readonly #watched = new Map<string, Watched>()
  readonly #early = new Map<string, Early>()
  #waiting = 0

  constructor(
    state: State,
    digestOf: (name: string, version: string) => string,
    log: Log,
    settings: DriftSettings,
    notify: Notify,
  ) {
    this.#state = state
    this.#digestOf = digestOf
    this.#log = log
    this.#settings = settings
    this.#notify = notify
  }

  /** Looks when the answer is on its way; where requests come faster than that, some are not looked at. */
  observe(outcome: Outcome, live: boolean): void {
    if (!live || outcome.shadow || outcome.outputs === null || this.#waiting >= MOST_WAITING) return
    this.#waiting++
    const done = outcome.hold()
    setImmediate(() => {
      this.#waiting--
      this.#look(outcome)
      done()
    })
  }

  /** null where no request was watched; waits for what is being opened. */
  async report(name: string): Promise<DriftReport | null> {
    await this.#early.get(name)?.opening
    const watched = this.#watched.get(name)
    return watched ? driftReport(name, watched.version, watched.state) : null
  }

  get reports(): readonly DriftReport[] {
    return [...this.#watched].map(([name, { version, state }]) => driftReport(name, version, state))
  }

  /** Waits until what was learnt is kept. */
  async close(): Promise<void> {
    await Promise.all([...this.#early.values()].map(({ opening }) => opening))
    await Promise.all([...this.#watched].map(([name, watched]) => this.#keep(name, watched)))
  }

  #look(outcome: Outcome): void {
    const { model: name, version } = outcome
    const seen = glanceAt(outcome)
    if (!seen) return
    const digest = this.#digestNow(name, version)
    if (digest === null) return
    const watched = this.#watched.get(name)
    // By the digest: a version that is loaded again under its name may be another model, with a usual of its own.
    if (watched?.version === version && watched.digest === digest) this.#take(name, watched, seen)
    else this.#await(name, version, digest, seen)
  }

  /** null where the version is not loaded any more. */
  #digestNow(name: string, version: string): string | null {
    try {
      return this.#digestOf(name, version)
    } catch (error) {
      this.#log.error('a version cannot be watched', { model: name, version, error: (error as Error).message })
      return null
    }
  }

  /** The first request of a version asks what is known of it; those that come meanwhile wait with it. */
  #await(name: string, version: string, digest: string, seen: Glance): void {
    const there = this.#early.get(name)
    const same = there?.version === version && there.digest === digest
    const early: Early = same ? there : { version, digest, seen: [], opening: null, tryAgain: 0 }
    this.#early.set(name, early)
    if (early.seen.length < MOST_EARLY) early.seen.push(seen)
    if (performance.now() < early.tryAgain) return
    early.opening ??= this.#open(name, early).finally(() => {
      early.opening = null
    })
  }

  #take(name: string, watched: Watched, seen: Glance): void {
    const { version, state: before } = watched
    watched.state = glance(before, seen)
    if (
      before.reference.length < this.#settings.reference &&
      watched.state.reference.length === this.#settings.reference
    )
      void this.#keep(name, watched)
    if (watched.state.looks === before.looks) return
    void this.#keep(name, watched)
    const report = driftReport(name, version, watched.state)
    const { state, features } = report
    // Once, not with every window for as long as it lasts.
    if (state === 'drifted' && driftReport(name, version, before).state !== 'drifted')
      this.#notify({ event: 'drift', data: report })
    if (state === 'drifted')
      this.#log.warn('requests or answers have changed', {
        model: name,
        version,
        features: features.filter(({ drifted }) => drifted),
      })
  }

  /** A version that is new here begins with what is known of it. */
  async #open(name: string, early: Early): Promise<void> {
    const { version, digest } = early
    try {
      const kept = (await this.#state.monitor(name, digest)) as DriftState | null
      const before = this.#watched.get(name)
      if (before) await this.#keep(name, before)
      const state = kept && sameSettings(kept.settings, this.#settings) ? kept : startDrift(this.#settings)
      // Another version may have come meanwhile.
      if (this.#early.get(name) !== early) return
      const watched = { version, digest, state, kept: Promise.resolve() }
      this.#watched.set(name, watched)
      this.#early.delete(name)
      for (const seen of early.seen) this.#take(name, watched, seen)
    } catch (error) {
      early.tryAgain = performance.now() + TRY_AGAIN_MS
      this.#log.error('a version cannot be watched', { model: name, version, error: (error as Error).message })
    }
  }

  #keep(name: string, watched: Watched): Promise<void> {
    watched.kept = watched.kept
      .then(() => this.#state.keepMonitor(name, watched.digest, watched.state))
      .catch((error: Error) =>
        this.#log.error('what is usual could not be kept', { model: name, error: error.message }),
      )
    return watched.kept
  }
}

const sameSettings = (a: DriftSettings, b: DriftSettings) =>
  a.reference === b.reference && a.window === b.window && a.alpha === b.alpha
