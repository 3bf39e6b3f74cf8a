import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { LiveVersion, State } from '../../state/index.ts'
import type { Log } from '../log.ts'
import { ServeError } from '../serve-error.ts'
import type { ActiveRollout } from './active.ts'
import type { Ending, Unwritten } from './unwritten.ts'

const LONGEST_RETRY_MS = 30_000

/** What must be written, in order, while those who decide go on. */
export class Ledger {
  readonly #state: State
  readonly #unwritten: Unwritten | null
  readonly #log: Log
  #writes: Promise<void> = Promise.resolve()
  /** Ends the pauses: from then on nobody waits for a database to come back. */
  readonly #closing = new AbortController()

  constructor(state: State, unwritten: Unwritten | null, log: Log) {
    this.#state = state
    this.#unwritten = unwritten
    this.#log = log
  }

  /** Does this when all that came before is written; resolves then, or when it was told that it could not be. */
  write(work: () => Promise<unknown>): Promise<void> {
    this.#writes = this.#writes.then(work).then(
      () => {},
      (error: Error) => this.#log.error('a rollout could not be ended cleanly', { error: error.message }),
    )
    return this.#writes
  }

  /**
   * Writes the end of a rollout when all that came before is written, and does what follows from it. It stands in a file
   * at once and until then, so that nobody needs to wait for a database, not even for one that never answers.
   */
  end(ending: Ending | Promise<Ending>, after: () => Promise<unknown> = async () => {}): Promise<void> {
    const filed = Promise.resolve(ending).then(async (it) => [it, await this.#file(it)] as const)
    // Whoever waits for its turn sees what is wrong with it.
    filed.catch(() => {})
    return this.write(async () => {
      await this.#keep(...(await filed))
      await after()
    })
  }

  /** What a database that has gone must still be told is told when it is back; once closed, it is tried but once. */
  async #keep(ending: Ending, filed: boolean): Promise<void> {
    for (let wait = 500; ; wait = Math.min(2 * wait, LONGEST_RETRY_MS)) {
      try {
        await this.#state.keep(ending)
        break
      } catch (error) {
        const { message } = error as Error
        if (this.#closing.signal.aborted)
          throw new Error(
            `it ${filed ? 'is written when the server starts again' : 'goes on from what was kept before it ended'}: ${message}`,
          )
        this.#log.error('the database does not take what happened; it is tried again', { error: message })
        await pause(wait, undefined, { signal: this.#closing.signal }).catch(() => {})
      }
    }
    if (filed) this.#unwritten!.drop(ending)
  }

  async #file(ending: Ending): Promise<boolean> {
    try {
      await this.#unwritten?.keep(ending)
      return this.#unwritten !== null
    } catch (error) {
      this.#log.warn('the end of a rollout has no file beside the database', { error: (error as Error).message })
      return false
    }
  }

  /** Everything written so far. */
  settled(): Promise<void> {
    return this.#writes
  }

  /** Whether that is so within so many milliseconds. */
  async settledWithin(ms: number): Promise<boolean> {
    const over = new AbortController()
    const late = pause(ms, false, { signal: over.signal })
    return Promise.race([this.settled().then(() => true), late]).finally(() => over.abort())
  }

  /** From now on nobody waits for a database to come back. */
  close(): void {
    this.#closing.abort()
  }
}

/** What is to be written of an act on a rollout, which stands in it as it is now; `live` where it leaves a version live. */
export function changeOf(
  active: ActiveRollout,
  act: string,
  who: string,
  { live, ...detail }: { readonly live?: LiveVersion; readonly [key: string]: unknown },
): Ending {
  const { id, name, started, base, candidate } = active
  return {
    event: randomBytes(12).toString('hex'),
    rollout: { id, name, started, state: active.state.state, body: active.body() },
    audit: {
      at: new Date().toISOString(),
      act,
      who,
      name,
      detail: { rollout: id, base: base.version, candidate: candidate.version, ...detail },
    },
    ...(live ? { live } : {}),
  }
}

/** Of the one rollout of a model that the database lets go on. */
export const isTaken = (error: unknown) => (error as { code?: string }).code === '23505'

export const unavailable = (error: unknown) =>
  new ServeError('unavailable', 'the database of the server cannot be reached: its log says why', {
    retryAfter: 5,
    cause: error,
  })
