import type { Dataset } from '../data/index.ts'
import type { Metric } from '../evaluate/index.ts'
import type { Model } from '../ir/index.ts'
import type { EvidenceCache, Trained } from '../recipe/index.ts'
import type { OptimizationReport, Recipe, Target } from '../report/index.ts'
import type { GoalName } from './goal.ts'

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
  /** Milliseconds that the search may take, the proof included as far as it fits; 5 minutes unless said. */
  readonly time?: number
  readonly seed?: number
  readonly threads?: number
  /** Candidates that are built and judged side by side; 1 unless said. Timings run alone in any case. */
  readonly workers?: number
  readonly calibration?: Dataset
  readonly proof?: Dataset
  /** Rows to train on: smaller students of the model join the search. */
  readonly trainData?: Dataset
  readonly provenOnly?: boolean
  readonly metric?: string | Metric
  readonly label?: string
  readonly slices?: readonly string[]
  readonly path?: string
  readonly command?: string
  readonly cache?: EvidenceCache
  readonly signal?: AbortSignal
  readonly onProgress?: (text: string) => void
}

export interface Optimized {
  readonly model: Model
  readonly report: OptimizationReport
  readonly recipe: Recipe
  /** What recipes refer to, by digest. */
  readonly tensors: Trained['tensors']
  /** Every model that was built, with the recipe that makes it. */
  readonly candidates: readonly { readonly id: string; readonly model: Model; readonly recipe: Recipe }[]
}
