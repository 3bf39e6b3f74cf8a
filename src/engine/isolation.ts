import type { OmittedOutput } from './ports.ts'
import type { Session } from './session.ts'

/** Peak memory of the process that runs the model, beyond what it held before the load. */
export interface PeakMemory {
  /** null where the system does not tell. */
  readonly bytes: number | null
  /** How it was read, in plain words. */
  readonly how: string
}

/**
 * A session in a process of its own: a fault of the runtime becomes a UserError, memory and load time are the model's
 * alone, and runs can be timed without the border between the processes.
 */
export interface IsolatedSession extends Session {
  readonly omitted: readonly OmittedOutput[]
  /** Milliseconds that the runtime took to create the session, measured inside the process. */
  readonly loadMs: number
  /** Milliseconds of the very first run, or null before it. */
  readonly firstMs: number | null
  readonly pid: number
  /**
   * Runs `count` times after `warm` untimed runs (0 unless said) and gives the nanoseconds of each run, measured inside
   * the process around the runtime's own call. Feeds cross the border once for consecutive calls with the same object.
   */
  timeRuns(feeds: Parameters<Session['run']>[0], count: number, warm?: number): Promise<Float64Array>
  peakMemory(): Promise<PeakMemory>
}
