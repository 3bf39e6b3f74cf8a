import { prepareRuntimes, type Session } from '../engine/index.ts'

/** The sessions of one piece of work, some still opening: whatever came to be of them is closed with it. */
export class OpenSessions {
  readonly #opening = new Set<Promise<Session>>()
  readonly #prepared: (() => Promise<void>)[] = []

  /** Starts processes for models that are still being made. */
  prepare(count: number): void {
    this.#prepared.push(prepareRuntimes(count))
  }

  /** Takes a session that is being opened; who needs it awaits it, and hears of a failure there. */
  start<S extends Session>(opening: Promise<S>): Promise<S> {
    this.#opening.add(opening)
    opening.catch(() => {})
    return opening
  }

  /** Closes one that is not needed any more. */
  async close(opening: Promise<Session>): Promise<void> {
    this.#opening.delete(opening)
    await (await opening).close()
  }

  async closeAll(): Promise<void> {
    const opened = await Promise.allSettled(this.#opening)
    this.#opening.clear()
    await Promise.all(this.#prepared.splice(0).map((release) => release()))
    await Promise.all(opened.map((one) => (one.status === 'fulfilled' ? one.value.close() : undefined)))
  }
}
