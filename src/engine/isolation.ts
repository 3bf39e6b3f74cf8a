import type { Served } from './arrivals.ts'
import type { OmittedOutput, Session } from './session.ts'

/** Peak memory of the process that runs the model, beyond what it held before the load. */
export interface PeakMemory {
  /** null where the system does not say. */
  readonly bytes: number | null
  /** How it was read, in plain words. */
  readonly how: string
}

/** What a run takes from the system, averaged over many. */
export interface Allocations {
  /** Bytes of JavaScript memory that a run leaves behind: its results, and objects for handing them over. */
  readonly jsBytes: number
  /** Pages that the system had to give to the process in a run (minor faults): 0 where the runtime's arena is warm. */
  readonly pageFaults: number
}

/** Which build of ONNX Runtime runs a model: onnxruntime-node, or onnxruntime-web as browsers have it. */
export type RuntimeKind = 'node' | 'web'

/** A deliberate stall: every `every`-th call takes `ms` milliseconds longer. */
export interface Stall {
  readonly ms: number
  readonly every: number
}

/** Where an isolated session runs. */
export interface Placement {
  /** Name of the model in messages: the file that it was read from. */
  readonly name?: string
  /** File of the model, where there is one: then it need not be written for the runtime. */
  readonly file?: string
  /** `node` by default. */
  readonly runtime?: RuntimeKind
  /** Cores that its process is bound to, before the load; unbound by default. */
  readonly cores?: readonly number[]
  /** Stalls to add to the timed calls, to see whether they are found; none by default. */
  readonly stall?: Stall
}

/**
 * A session in a process of its own: a fault of the runtime becomes a UserError, memory and load time are the model's
 * alone, and runs can be timed without the border between the processes.
 */
export interface IsolatedSession extends Session {
  readonly omitted: readonly OmittedOutput[]
  /**
   * Milliseconds that the runtime took to create the session, measured inside the process. The runtime was started
   * before, so this is what a model costs a process that already serves, not its very first session.
   */
  readonly loadMs: number
  /** Milliseconds of the very first run, or null before it. */
  readonly firstMs: number | null
  readonly pid: number
  /**
   * Runs `count` times after `warm` untimed runs (0 by default) and gives the nanoseconds of each run, measured inside
   * the process around the runtime's own call. Feeds cross the border once for consecutive calls with the same object.
   */
  timeRuns(feeds: Parameters<Session['run']>[0], count: number, warm?: number): Promise<Float64Array>
  /**
   * Nanoseconds of processor time that all runs of the last `timeRuns` took: their time without that in which other
   * processes had the processor. Null before, for several threads, and where the system counts it in coarse steps.
   */
  readonly ranNs?: number | null
  /**
   * Runs once for each arrival (nanoseconds from now, ascending), never before it, and gives the time from the *scheduled*
   * arrival to the answer, measured inside the process.
   */
  timeArrivals(feeds: Parameters<Session['run']>[0], arrivals: Float64Array): Promise<Served>
  allocations(feeds: Parameters<Session['run']>[0], runs: number): Promise<Allocations>
  peakMemory(): Promise<PeakMemory>
  /** Why the process is not bound to the cores that were asked for; null where it is, or could be and none were. */
  readonly unpinned: string | null
  /** Kernels of the graph that the runtime optimised, where they were asked for: bare operator names with counts. */
  readonly kernels: Readonly<Record<string, number>> | null
}
