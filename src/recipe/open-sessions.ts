import {
  type IsolatedPlacement,
  type IsolatedSession,
  openIsolated,
  type RuntimeProcesses,
  type Session,
  startRuntimes,
} from '../engine/index.ts'
import type { Model } from '../ir/index.ts'
import { LEAN } from './lean.ts'

type Closable = Pick<Session, 'close'>

/**
 * The sessions of one piece of work, some still opening: whatever came to be of them is closed with it. They follow one
 * another in a few processes, which come up while this one computes what they shall run.
 */
export class OpenSessions {
  readonly #opening = new Set<Promise<Closable | null>>()
  readonly #closing = new Set<Promise<void>>()
  readonly processes: RuntimeProcesses

  /** They end with the sessions. */
  constructor(processes: RuntimeProcesses) {
    this.processes = processes
  }

  /** Opens a model for a few runs; who needs it awaits it, and hears of a failure there. */
  open(model: Model, placement: IsolatedPlacement = {}): Promise<IsolatedSession> {
    return this.start(openIsolated(model, LEAN, { ...placement, processes: this.processes }))
  }

  /** Takes a session, or a pair of models in one, that is being opened elsewhere. */
  start<S extends Closable | null>(opening: Promise<S>): Promise<S> {
    this.#opening.add(opening)
    opening.catch(() => {})
    return opening
  }

  /** Closes one that is not needed any more. */
  async close(opening: Promise<Closable>): Promise<void> {
    this.#opening.delete(opening)
    await (await opening).close()
  }

  /** Closes one while this process goes on. */
  release(opening: Promise<Closable>): void {
    const closing = this.close(opening).catch(() => {})
    this.#closing.add(closing)
    closing.then(() => this.#closing.delete(closing))
  }

  /** Closes all that are left, and ends the processes. */
  async closeAll(): Promise<void> {
    const ended = this.processes.end()
    const opened = await Promise.allSettled(this.#opening)
    this.#opening.clear()
    await Promise.all(opened.map((one) => (one.status === 'fulfilled' ? one.value?.close() : undefined)))
    await Promise.all([ended, ...this.#closing])
  }
}

/** What `work` gives with sessions in processes of its own, so many at a time, which have ended when it has. */
export async function inProcesses<T>(count: number, work: (sessions: OpenSessions) => Promise<T>): Promise<T> {
  const sessions = new OpenSessions(startRuntimes(count))
  try {
    return await work(sessions)
  } finally {
    await sessions.closeAll()
  }
}
