import { LaunchedProcess, type RuntimeProcess } from './ort-node-process.ts'

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
  const waiting: LaunchedProcess[] = []
  /** Models that are open, or opening, in each process. */
  const open = new Map<LaunchedProcess, number>()
  let shared: LaunchedProcess | undefined
  const started = () => {
    missing = Math.max(0, missing - 1)
    const process = new LaunchedProcess(LARGE_PAGES)
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
  const left = async (process: LaunchedProcess, closing: () => Promise<boolean>) => {
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
      return shared?.died ?? false
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
