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

/** Processes that one piece of work runs its models in, one model a process at a time, or all in the first of them. */
export interface RuntimeProcesses {
  /** A process that waits for a model, or one more where none does; its `stop` lets it wait for the next. */
  take(what: string): RuntimeProcess
  /**
   * Lets models that are taken from now on run in one process, beside what is open in it: where runs are so short that
   * they cannot make up for the start of another. A fault of one of them ends all.
   */
  share(): void
  /** Lets processes come up, one after the other, until there are so many; none where models share one. */
  reach(count: number): void
  /** Whether a process that models shared has ended by itself: which of them is to blame is not known. */
  readonly sharedEnd: boolean
  /** Ends those that wait, and each of the others when its model is done with. */
  end(): Promise<void>
}

/**
 * Large values in large pages, each in a mapping of its own: without the runtime's arena each run takes its memory anew,
 * and the system clears it page by page (26 of the 73 ms that a run of superres beside its integer model takes). Not for
 * processes that are timed, which run as a user's own would. glibc reads these, from 2.35 on the first; nothing else does.
 */
const LARGE_PAGES = {
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
  MALLOC_MMAP_THRESHOLD_: `${2 ** 22}`,
  MALLOC_TRIM_THRESHOLD_: `${2 ** 26}`,
} as const

/**
 * Starts processes that come up, runtime and all, while this process computes what they shall run: one after the other,
 * so that the first is there soon. A model that follows another into a process spares the start of one, and its memory.
 */
export function startRuntimes(count = 1): RuntimeProcesses {
  let ended = false
  let missing = count
  const waiting: Launched[] = []
  /** Models that are open, or opening, in each process. */
  const open = new Map<Launched, number>()
  let shared: Launched | undefined
  const started = () => {
    missing = Math.max(0, missing - 1)
    const process = launch(LARGE_PAGES)
    open.set(process, 0)
    return process
  }
  const startNext = () => {
    if (ended || missing === 0 || shared) return
    const process = started()
    waiting.push(process)
    // A process that cannot load the runtime says so when it is given a model.
    process.place('a model').ask({ op: 'warm' }, 'loading the runtime').then(startNext, startNext)
  }
  /** When a model in it is done with. */
  const left = async (process: Launched, closing: () => Promise<boolean>) => {
    const others = open.get(process)! - 1
    const empty = !(ended && others === 0) && (await closing())
    open.set(process, open.get(process)! - 1)
    if (open.get(process)! > 0) return
    if (!empty || ended) await process.stop()
    else if (process !== shared) waiting.push(process)
  }
  startNext()
  return {
    take(what) {
      const process = shared ?? waiting.shift() ?? started()
      open.set(process, open.get(process)! + 1)
      const place = process.place(what)
      return {
        ...place,
        stop: () => left(process, () => place.ask({ op: 'close' }, 'closing the model').then(done, failed)),
      }
    },
    share() {
      shared ??= open.keys().next().value ?? started()
      if (waiting.includes(shared)) waiting.splice(waiting.indexOf(shared), 1)
    },
    reach(count) {
      missing = Math.max(missing, count - open.size)
      startNext()
    },
    get sharedEnd() {
      return shared?.died() ?? false
    },
    async end() {
      ended = true
      if (shared && open.get(shared) === 0) waiting.push(shared)
      await Promise.all(waiting.splice(0).map((process) => process.stop()))
    },
  }
}

const done = () => true
const failed = () => false

/** A process for a model; `what` names it in messages. It dies with this one. */
export function startRuntime(what: string): RuntimeProcess {
  return launch().place(what)
}

interface Launched {
  /** For one more model, which `what` names in messages; its `stop` is that of the process. */
  place(what: string): RuntimeProcess
  /** Whether it has ended by itself. */
  died(): boolean
  stop(): Promise<void>
}

function launch(env: Readonly<Record<string, string>> = {}): Launched {
  const pages = SharedPages.open()
  const child = forkModule(siblingModule(import.meta.url, 'ort-node-child'), {
    env: { ...QUIET, ...env },
    stdio: [pages?.fd ?? 'ignore'],
  })
  const results = new ResultMemory()
  const waiting = new Map<
    number,
    { what: string; doing: string; resolve: (value: never) => void; reject: (e: Error) => void }
  >()
  let complaint = ''
  let dead: string | null = null
  let stopping = false
  let [next, models] = [0, 0]
  // An idle child must not keep this process alive.
  const hold = (on: boolean) => {
    const method = on ? 'ref' : 'unref'
    child[method]()
    child.channel?.[method]()
    ;(child.stderr as unknown as { ref(): void; unref(): void })[method]()
  }
  hold(false)
  child.stderr?.on('data', (chunk) => {
    complaint = (complaint + chunk).slice(-2000)
  })
  child.on('message', ({ id, answer, failure }: { id: number; answer?: Parcel<never>; failure?: Failure }) => {
    const entry = waiting.get(id)
    if (!entry) return
    waiting.delete(id)
    // An answer that was on its way when it was stopped must not let this process go before the end is seen.
    if (waiting.size === 0 && !stopping) hold(false)
    if (failure) entry.reject(errorOf(failure))
    else entry.resolve(unpack(pages, answer!, (bytes) => results.take(bytes)))
  })
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      if (dead !== null) return
      dead = how
      pages?.close()
      for (const { what, doing, reject } of waiting.values()) reject(crash(what, doing, how, complaint))
      waiting.clear()
      resolve()
    }
    child.once('error', (error) => end(error.message))
    child.once('close', (code, signal) => end(signal ?? `exit code ${code}`))
  })

  const ask = <R extends Request>(model: number, what: string, request: R, doing: string): Promise<Answer[R['op']]> =>
    new Promise((resolve, reject) => {
      if (dead !== null) return reject(crash(what, doing, dead, complaint))
      const id = next++
      const packed = pack(pages, request)
      waiting.set(id, { what, doing, resolve, reject })
      hold(true)
      child.send({ id, model, request: packed }, (error) => {
        // A child that died meanwhile is reported by its end, which knows why.
        if (error && dead !== null && waiting.delete(id)) reject(crash(what, doing, dead, complaint))
      })
    })
  async function stop(): Promise<void> {
    if (dead !== null) return
    stopping = true
    hold(true)
    child.kill('SIGKILL')
    await ended
  }
  return {
    place(what) {
      const model = models++
      return {
        pid: child.pid ?? -1,
        ask: (request, doing) => ask(model, what, request, doing),
        giveBack: (fetched) => results.giveBack(fetched),
        stop,
      }
    },
    died: () => dead !== null && !stopping,
    stop,
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
