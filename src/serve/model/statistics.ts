/** A count and the nanoseconds of all that was counted. */
export interface Duration {
  count: number
  ns: number
}

/** What a version has done since it was loaded, as the statistics extension names it. */
export class VersionStatistics {
  readonly success: Duration = { count: 0, ns: 0 }
  readonly fail: Duration = { count: 0, ns: 0 }
  readonly queue: Duration = { count: 0, ns: 0 }
  readonly computeInfer: Duration = { count: 0, ns: 0 }
  /** Moving the tensors to the process and back. */
  readonly computeInput: Duration = { count: 0, ns: 0 }
  readonly cacheHit: Duration = { count: 0, ns: 0 }
  readonly cacheMiss: Duration = { count: 0, ns: 0 }
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
}

export function add(duration: Duration, ms: number): void {
  duration.count++
  duration.ns += Math.round(ms * 1e6)
}
