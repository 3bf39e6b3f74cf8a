import type { Dataset } from '../data/index.ts'
import type { Metric } from '../evaluate/index.ts'
import type { Model } from '../ir/index.ts'
import { diskCache, type EvidenceCache, processors, type Trained } from '../recipe/index.ts'
import type { OptimizationReport, Recipe, Target } from '../report/index.ts'
import { type GoalName, goalOf } from './goal.ts'

/** What a search is asked for; what is left out has the default that the command has. */
export interface OptimizeOptions {
  readonly goal?: GoalName
  readonly maxBytes?: number
  readonly maxP99Ms?: number
  readonly maxRssBytes?: number
  readonly margin?: number
  readonly alpha?: number
  readonly target?: Target
  /** Target `web`: the browser that times and judges (its path, or `auto`). */
  readonly browser?: string
  /** Milliseconds that the search may take, the proof included as far as it fits; 5 minutes by default. */
  readonly time?: number
  readonly seed?: number
  readonly threads?: number
  /**
   * Candidates that are built and judged side by side; 2 where there are as many processors by default. Timings run
   * alone.
   */
  readonly workers?: number
  /** Whether products of codes saturate in 16 bits where models run; the runtime is asked by default. */
  readonly saturates?: boolean | undefined
  /** Rows apart to calibrate by and to prove on, in place of shares of the data. */
  readonly calibration?: Dataset | undefined
  readonly proof?: Dataset | undefined
  /** Rows to train on: smaller students of the model join the search. */
  readonly trainData?: Dataset | undefined
  readonly provenOnly?: boolean
  readonly metric?: string | Metric
  readonly label?: string
  readonly slices?: readonly string[]
  /** What the report calls the model, and the command that made it. */
  readonly path?: string
  readonly command?: string
  readonly cache?: EvidenceCache
  readonly signal?: AbortSignal
  readonly onProgress?: (text: string) => void
}

type WithDefault =
  | 'goal'
  | 'margin'
  | 'alpha'
  | 'target'
  | 'time'
  | 'seed'
  | 'threads'
  | 'workers'
  | 'provenOnly'
  | 'cache'

/** More would not hurt timings, which run alone, but each worker holds models of its own in memory. */
const MOST_WORKERS = 2

/** What a search runs with and its report states: whatever has a default is said. */
export type ResolvedOptions = OptimizeOptions & Required<Pick<OptimizeOptions, WithDefault>>

/** The options with what holds where nothing is said. */
export function resolvedOptions(options: OptimizeOptions): ResolvedOptions {
  return {
    ...options,
    goal: goalOf(options.goal ?? 'latency'),
    margin: options.margin ?? 0.01,
    alpha: options.alpha ?? 0.05,
    target: options.target ?? 'native',
    time: options.time ?? 300_000,
    seed: options.seed ?? 0,
    threads: options.threads ?? 1,
    workers: options.workers ?? Math.min(MOST_WORKERS, processors()),
    provenOnly: options.provenOnly ?? false,
    cache: options.cache ?? diskCache(),
  }
}

/** What a search hands out, and all that it built on the way. */
export interface Optimized {
  readonly model: Model
  readonly report: OptimizationReport
  readonly recipe: Recipe
  /** What recipes refer to, by digest. */
  readonly tensors: Trained['tensors']
  /** Every model that was built, with the recipe that makes it. */
  readonly candidates: readonly { readonly id: string; readonly model: Model; readonly recipe: Recipe }[]
}
