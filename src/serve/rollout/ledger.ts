import type { Log } from '../log.ts'

const LONGEST_RETRY_MS = 30_000

/** What must be written, in order, while those who decide go on. */
export class Ledger {
  readonly #log: Log
  #writes: Promise<void> = Promise.resolve()
  #closed = false
  #hurry = () => {}

  constructor(log: Log) {
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

  /** What a database that has gone must still be told is told when it is back; once closed, it is tried but once. */
  async insist(work: () => Promise<void>): Promise<void> {
    for (let wait = 500; ; wait = Math.min(2 * wait, LONGEST_RETRY_MS)) {
      try {
        await work()
        return
      } catch (error) {
        const { message } = error as Error
        if (this.#closed) throw new Error(`it goes on from what was kept before it ended: ${message}`)
        this.#log.error('the database does not take what happened; it is tried again', { error: message })
        await new Promise<void>((resolve) => {
          this.#hurry = resolve
          setTimeout(resolve, wait)
        })
      }
    }
  }

  /** Everything written so far. */
  settled(): Promise<void> {
    return this.#writes
  }

  /** Whether that is so within so many milliseconds. */
  async settledWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, ms, false)
    })
    return Promise.race([this.settled().then(() => true), late]).finally(() => clearTimeout(timer))
  }

  /** From now on nobody waits for a database to come back. */
  close(): void {
    this.#closed = true
    this.#hurry()
  }
}
