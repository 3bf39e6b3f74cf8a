import { forkModule, siblingModule, UserError } from '../platform/index.ts'
import { errorOf, type Failure } from './ort-node-failure.ts'
import { type Parcel, pack, unpack } from './ort-node-parcels.ts'
import type { Answer, Request } from './ort-node-protocol.ts'
import { SharedPages } from './ort-node-shared-pages.ts'
import { QUIET } from './ort-telemetry.ts'
import { ResultMemory } from './result-memory.ts'
import type { Fetched } from './session.ts'

/** A child process with the runtime in it. */
export interface RuntimeProcess {
  readonly pid: number
  /** Sends a request; rejects with the child's own UserError, or with one that says how the process died. */
  ask<R extends Request>(request: R, doing: string): Promise<Answer[R['op']]>
  /** As of a session. */
  giveBack(fetched: Fetched): void
  stop(): Promise<void>
}

/** A process for a model; `what` names it in messages. It dies with this one. */
export function startRuntime(what: string): RuntimeProcess {
  return new LaunchedProcess().place(what)
}

/** A request that has no answer yet. */
interface Asked {
  readonly what: string
  readonly doing: string
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

interface Reply {
  readonly id: number
  readonly answer?: Parcel<never>
  readonly failure?: Failure
}

/** One that runs; it can be given models one after the other, or several. */
export class LaunchedProcess {
  readonly #pages = SharedPages.open()
  readonly #results = new ResultMemory()
  readonly #asked = new Map<number, Asked>()
  readonly #child: ReturnType<typeof forkModule>
  readonly #ended: Promise<void>
  /** What it wrote last. */
  #complaint = ''
  /** How it came to its end; null while it lives. */
  #death: string | null = null
  #stopping = false
  #next = 0
  #models = 0

  constructor(env: Readonly<Record<string, string>> = {}) {
    const child = forkModule(siblingModule(import.meta.url, 'ort-node-child'), {
      env: { ...QUIET, ...env },
      stdio: [this.#pages?.fd ?? 'ignore'],
    })
    this.#child = child
    this.#hold(false)
    child.stderr?.on('data', (chunk) => {
      this.#complaint = (this.#complaint + chunk).slice(-2000)
    })
    child.on('message', (reply: Reply) => this.#answered(reply))
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(this.#end(error.message)))
      child.once('close', (code, signal) => resolve(this.#end(signal ?? `exit code ${code}`)))
    })
  }

  /** For one more model, which `what` names in messages; its `stop` is that of the process. */
  place(what: string): RuntimeProcess {
    const model = this.#models++
    return {
      pid: this.#child.pid ?? -1,
      ask: (request, doing) => this.#ask(model, what, request, doing),
      giveBack: (fetched) => this.#results.giveBack(fetched),
      stop: () => this.stop(),
    }
  }

  /** Whether it has ended by itself. */
  get died(): boolean {
    return this.#death !== null && !this.#stopping
  }

  async stop(): Promise<void> {
    if (this.#death !== null) return
    this.#stopping = true
    this.#hold(true)
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #ask<R extends Request>(model: number, what: string, request: R, doing: string): Promise<Answer[R['op']]> {
    return new Promise((resolve, reject) => {
      if (this.#death !== null) return reject(this.#crash({ what, doing }))
      const id = this.#next++
      const packed = pack(this.#pages, request)
      this.#asked.set(id, { what, doing, resolve, reject })
      this.#hold(true)
      this.#child.send({ id, model, request: packed }, (error) => {
        // A child that died meanwhile is reported by its end, which knows why.
        if (error && this.#death !== null && this.#asked.delete(id)) reject(this.#crash({ what, doing }))
      })
    })
  }

  #answered({ id, answer, failure }: Reply): void {
    const asked = this.#asked.get(id)
    if (!asked) return
    this.#asked.delete(id)
    // An answer that was on its way when it was stopped must not let this process go before the end is seen.
    if (this.#asked.size === 0 && !this.#stopping) this.#hold(false)
    if (failure) asked.reject(errorOf(failure))
    else asked.resolve(unpack(this.#pages, answer!, (bytes) => this.#results.take(bytes)))
  }

  #end(how: string): void {
    if (this.#death !== null) return
    this.#death = how
    this.#pages?.close()
    for (const asked of this.#asked.values()) asked.reject(this.#crash(asked))
    this.#asked.clear()
  }

  #crash({ what, doing }: Pick<Asked, 'what' | 'doing'>): UserError {
    return crash(what, doing, this.#death!, this.#complaint)
  }

  /** Whether it keeps this process alive: an idle one must not. */
  #hold(on: boolean): void {
    const method = on ? 'ref' : 'unref'
    this.#child[method]()
    this.#child.channel?.[method]()
    ;(this.#child.stderr as unknown as { ref(): void; unref(): void })[method]()
  }
}

/**
 * The error of a process that ended (`how`: a signal or an exit code) while it was `doing` something with the model
 * `what`; `complaint` is what it wrote last.
 */
export function crash(what: string, doing: string, how: string, complaint: string): UserError {
  const starved = how === 'SIGKILL'
  return new UserError(
    starved ? 'out-of-resources' : 'unsupported',
    `The runtime's process ended (${how}) while ${doing}${complaint.trim() ? `: ${complaint.trim().split('\n').at(-1)}` : ''}.`,
    {
      where: what,
      hint: starved
        ? 'The system probably ran out of memory: use fewer rows at a time or a machine with more.'
        : 'This is a fault of the runtime on this model; the model can be inspected and rewritten, but not run here.',
      cause: complaint,
    },
  )
}
