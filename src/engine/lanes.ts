import type { DType } from '../ir/index.ts'
import type { OrtSessionOptions } from './ort-options.ts'
import type { OmittedOutput, PortValue } from './session.ts'

/**
 * A tensor as bytes, the form in which it crosses borders: little-endian, row-major; a string is its UTF-8 length in
 * four bytes and its UTF-8. `pieces` follow one another, so that rows of several callers make one tensor uncopied.
 */
export interface ByteTensor {
  readonly name: string
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly pieces: readonly Uint8Array[]
}

/** The answer to one run on a lane. */
export interface LaneAnswer {
  readonly outputs: readonly ByteTensor[]
  /** Nanoseconds of the runtime's own call. */
  readonly runNs: number
  /**
   * Gives the memory of the outputs back, to be used for a later answer: call it once, when nobody will look at them any
   * more. Where nobody calls it, they are left to the collector. Absent for small answers.
   */
  readonly release?: () => void
}

/** What the process found in the file. */
export interface LanesModel {
  readonly inputs: readonly PortValue[]
  readonly outputs: readonly PortValue[]
  readonly omitted: readonly OmittedOutput[]
  /** Bare operator names with counts, nested graphs and functions included. */
  readonly operators: Readonly<Record<string, number>>
  /** `sha256:` of the canonical encoding and the external data. */
  readonly digest: string
}

/**
 * One model in a process of its own with several threads ("lanes"), each with a session of its own and a direct line to
 * this process. A crash or an out-of-memory there rejects what was under way with a UserError and touches nothing here.
 */
export interface Lanes {
  readonly pid: number
  readonly model: LanesModel
  /** Lines that exist; sessions are opened and closed on them. */
  readonly capacity: number
  /** Opens (or reopens) the session of a lane; milliseconds that the runtime took. */
  open(lane: number, options?: OrtSessionOptions): Promise<number>
  close(lane: number): Promise<void>
  /**
   * Runs on one lane; calls on a lane follow one another. The inputs must have been checked: their bytes are read as
   * what `dtype` and `dims` say. Without `outputs`, every output.
   */
  run(lane: number, inputs: readonly ByteTensor[], outputs?: readonly string[]): Promise<LaneAnswer>
  /**
   * Runs the same inputs on end for `ms` milliseconds, after one untimed run: runs a second of this lane, and how many
   * processors the whole process kept busy meanwhile.
   */
  spin(lane: number, inputs: readonly ByteTensor[], ms: number): Promise<{ rate: number; processors: number }>
  /** Resolves when the process has ended, with how and its last words. Never rejects. */
  readonly ended: Promise<{ readonly how: string; readonly complaint: string }>
  /** Resident bytes of the process, or null where the system does not tell. */
  residentBytes(): number | null
  /** Ends the process at once; with `why`, `ended` and what was under way say that instead of the signal. */
  stop(why?: string): Promise<void>
}
