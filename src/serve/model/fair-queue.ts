/** What the queue needs to know of a job. */
export interface Queued {
  /** Whose job it is: callers take turns. */
  readonly caller: string
  /** 1 comes first; 0 stands for the default. */
  readonly priority: number
  /** Jobs of equal shape can share a run. */
  readonly shape: string
  readonly rows: number
  readonly bytes: number
}

/** Where a job without a priority stands: behind 1, before 3. */
const DEFAULT_PRIORITY = 2

/**
 * Jobs that wait: by priority, and within one priority callers take turns, so that one who sends thousands does not
 * delay another who sends one.
 */
export class FairQueue<J extends Queued> {
  readonly #levels = new Map<number, Map<string, J[]>>()
  readonly #rows = new Map<string, number>()
  #length = 0
  #bytes = 0

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Rows of all jobs of a shape. */
  rowsOf(shape: string): number {
    return this.#rows.get(shape) ?? 0
  }

  push(job: J): void {
    const priority = levelOf(job)
    const callers = this.#levels.get(priority) ?? new Map<string, J[]>()
    this.#levels.set(priority, callers)
    const jobs = callers.get(job.caller)
    if (jobs) jobs.push(job)
    else callers.set(job.caller, [job])
    this.#count(job, 1)
  }

  /** Takes a job out that nobody waits for any more; false where it is not here. */
  remove(job: J): boolean {
    const callers = this.#levels.get(levelOf(job))
    const jobs = callers?.get(job.caller)
    const at = jobs?.indexOf(job) ?? -1
    if (!callers || !jobs || at < 0) return false
    this.#takeAt(callers, job.caller, jobs, at)
    return true
  }

  /** The job whose turn it is. */
  peek(): J | undefined {
    for (const level of this.#order()) for (const jobs of this.#levels.get(level)!.values()) return jobs[0]
    return undefined
  }

  /**
   * The job whose turn it is and others of its shape, one a caller in turn, together at most `rows` rows (the first one
   * may be larger, and is alone then). Higher priorities fill the batch first.
   */
  take(rows: number): J[] {
    const first = this.peek()
    if (!first) return []
    const taken: J[] = []
    let left = rows
    for (const level of this.#order()) {
      const callers = this.#levels.get(level)!
      for (let progress = true; progress && (left > 0 || taken.length === 0); ) {
        progress = false
        for (const [caller, jobs] of [...callers]) {
          const at = jobs.findIndex((job) => job.shape === first.shape && (job.rows <= left || taken.length === 0))
          if (at < 0) continue
          const job = this.#takeAt(callers, caller, jobs, at)
          // The caller goes to the end of the round.
          if (jobs.length > 0 && callers.delete(caller)) callers.set(caller, jobs)
          taken.push(job)
          left -= job.rows
          progress = true
          if (left <= 0) return taken
        }
      }
    }
    return taken
  }

  /** Empties the queue. */
  clear(): J[] {
    const jobs = [...this.#levels.values()].flatMap((callers) => [...callers.values()].flat())
    this.#levels.clear()
    this.#rows.clear()
    this.#length = 0
    this.#bytes = 0
    return jobs
  }

  #order(): number[] {
    const levels = [...this.#levels.keys()]
    return levels.length < 2 ? levels : levels.sort((a, b) => a - b)
  }

  #takeAt(callers: Map<string, J[]>, caller: string, jobs: J[], at: number): J {
    const [job] = jobs.splice(at, 1) as [J]
    if (jobs.length === 0) callers.delete(caller)
    if (callers.size === 0) this.#levels.delete(levelOf(job))
    this.#count(job, -1)
    return job
  }

  #count({ shape, rows, bytes }: J, sign: 1 | -1): void {
    this.#length += sign
    this.#bytes += sign * bytes
    const left = this.rowsOf(shape) + sign * rows
    if (left === 0) this.#rows.delete(shape)
    else this.#rows.set(shape, left)
  }
}

const levelOf = ({ priority }: Queued) => (priority === 0 ? DEFAULT_PRIORITY : priority)
