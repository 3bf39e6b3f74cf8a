import type { ServeErrorCode } from '../serve-error.ts'

/** A count and the nanoseconds of all that was counted. */
export interface Duration {
  count: number
  ns: number
}

/** Runs of more rows are counted by the next power of two: clients choose how many, and each size is a series for ever. */
const EXACT_ROWS = 128

/** What a version has done since it was loaded, as the statistics extension names it. */
export class VersionStatistics {
  readonly success: Duration = { count: 0, ns: 0 }
  readonly fail: Duration = { count: 0, ns: 0 }
  /** The same by the kind of the error. */
  readonly failures = new Map<ServeErrorCode, number>()
  readonly queue: Duration = { count: 0, ns: 0 }
  readonly computeInfer: Duration = { count: 0, ns: 0 }
  /** Moving the tensors to the process and back. */
  readonly computeInput: Duration = { count: 0, ns: 0 }
  readonly cacheHit: Duration = { count: 0, ns: 0 }
  readonly cacheMiss: Duration = { count: 0, ns: 0 }
  /** Runs by their rows, beyond 128 by the next power of two. */
  readonly batches = new Map<number, Duration>()
  /** Rows answered. */
  inferences = 0
  /** Runs of the runtime. */
  executions = 0
  /** Milliseconds since 1970, 0 before the first. */
  lastInference = 0
  restarts = 0
  /** Milliseconds of the longest run that ended well; 0 before the first. */
  slowestRunMs = 0

  /** A request that was not answered, after so long. */
  failed(code: ServeErrorCode, ms: number): void {
    add(this.fail, ms)
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1)
  }

  /** A run that ended well. */
  ran(rows: number, ms: number): void {
    const size = rows <= EXACT_ROWS ? rows : 2 ** Math.ceil(Math.log2(rows))
    const batch = this.batches.get(size) ?? { count: 0, ns: 0 }
    this.batches.set(size, batch)
    add(batch, ms)
    add(this.computeInfer, ms)
    this.slowestRunMs = Math.max(this.slowestRunMs, ms)
  }
}

/** Counts one more of these. */
export function add(duration: Duration, ms: number): void {
  duration.count++
  duration.ns += Math.round(ms * 1e6)
}
