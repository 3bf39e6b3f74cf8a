import type { DType, Model, NumericArray, Shape } from '../ir/index.ts'
import type { ProfileReport } from '../report/index.ts'
import type { ClassNames } from './class-names.ts'

/** A value at the border of an engine: row-major elements. Strings are an array of strings; float16 a Uint16Array. */
export interface TensorValue {
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly data: NumericArray | readonly string[]
}

/** What a run is given, by the name of the input. */
export type Feeds = Readonly<Record<string, TensorValue>>
/** What a run gave, by the name of the value. */
export type Fetched = Readonly<Record<string, TensorValue>>

/** An input or output of a session; `shape` is null where even its rank is unknown. */
export interface PortValue {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape | null
  /**
   * For an output that names the chosen class by a number or name of the model's own: those of all classes, in the
   * order of its scores; null where the model does not list them.
   */
  readonly classes?: ClassNames | null
}

/** What a float value holds, without the value. */
export interface Extremes {
  readonly min: number
  readonly max: number
  readonly elements: number
  /** False where an element is NaN or infinite; `min` and `max` then say nothing. */
  readonly finite: boolean
}

/** An output that a session cannot hand out, and why. */
export interface OmittedOutput {
  readonly name: string
  readonly reason: string
}

/**
 * A model that can be run. Every engine keeps this contract (one contract suite runs against all of them):
 * - `run(feeds)` gives every graph output; `run(feeds, fetch)` gives exactly the named values, inner ones included.
 * - The results belong to the caller.
 * - A feed with a wrong name, dtype or shape is a UserError that names the input and what it should be.
 */
export interface Session {
  readonly inputs: readonly PortValue[]
  readonly outputs: readonly PortValue[]
  /** Graph outputs other than tensors, which `run` leaves out. Absent where an engine refuses them. */
  readonly omitted?: readonly OmittedOutput[]
  /** The engine and its version: `onnxruntime-node 1.30.0`, `reference`. */
  readonly engine: string
  run(feeds: Feeds, fetch?: readonly string[]): Promise<Fetched>
  /**
   * Shows the named values of one run to `see`, which may neither keep nor change them, so nothing has to be copied.
   * Absent where an engine has to copy them anyway.
   */
  look?(feeds: Feeds, fetch: readonly string[], see: (values: Fetched) => void): Promise<void>
  /**
   * Splits inner value names into groups whose values together stay under `byteBudget` (bytes) for one run of these
   * feeds. A caller then runs its rows once for each group, and needs only the budget on top of plain inference. A
   * value that is larger by itself forms a group alone. Names whose values no engine can hand out are left out.
   */
  fetchGroups(feeds: Feeds, names: readonly string[], byteBudget: number): Promise<readonly (readonly string[])[]>
  /**
   * Extremes of inner float values of one run, computed inside the engine so that nothing large leaves it. Names of
   * anything but float tensors of the main graph are left out. Absent where an engine cannot do this.
   */
  extremes?(feeds: Feeds, names: readonly string[]): Promise<ReadonlyMap<string, Extremes>>
  /**
   * Returns the memory of a whole result, to be used for a later one. Call it at most once, when the result is no
   * longer needed: its arrays are empty afterwards. Memory that is not returned is garbage-collected. Absent where this
   * gains nothing.
   */
  giveBack?(fetched: Fetched): void
  /** Runs that are worth asking for at a time; 1 where absent. */
  readonly atATime?: number
  close(): Promise<void>
}

/** How far the runtime rewrites a model while it loads; each level holds the one before. */
export type Optimization = 'disabled' | 'basic' | 'extended' | 'all'

/** Options of every engine; one that has no use for an option ignores it. */
export interface SessionOptions {
  /** Intra-op threads; 1 by default, since two are slower on small models. */
  readonly threads?: number | undefined
  readonly optimization?: Optimization | undefined
  /** Folder that relative external data is found in, where the model is not written yet. */
  readonly baseDir?: string | undefined
}

/** An engine opens sessions on models that are values. */
export interface Engine {
  readonly name: string
  open(model: Model, options?: SessionOptions): Promise<Session>
}

export interface ProfileOptions extends SessionOptions {
  /**
   * Which quantile of each node's times over the runs is given, from 0 to 1; 0.5, the median, by default.
   */
  readonly share?: number | undefined
}

/** What only a native runtime can tell. */
export interface NativeEngine extends Engine {
  /** The graph as the runtime optimised it at `all`: bare operator names with counts, or why it cannot be read. */
  kernels(
    model: Model,
    options?: SessionOptions,
  ): Promise<{ counts: Readonly<Record<string, number>> } | { reason: string }>
  /** Time by operator and node over `runs` runs of these feeds. */
  profile(model: Model, feeds: Feeds, runs: number, options?: ProfileOptions): Promise<ProfileReport>
}
