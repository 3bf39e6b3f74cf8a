import type { Dataset, Modality } from '../../data/index.ts'
import type { RowScores } from '../../report/index.ts'
import type { Metric } from '../metric/metric.ts'
import type { MetricOptions } from '../metric/metrics.ts'

export interface RobustnessOptions {
  /** By name; all that apply to the inputs where omitted. */
  readonly corruptions?: readonly string[] | undefined
  /** From 1 to 5; all of them where omitted. */
  readonly severities?: readonly number[] | undefined
  readonly metric?: string | Metric | undefined
  readonly metricOptions?: MetricOptions | undefined
  readonly label?: string | undefined
  /** Rows from elsewhere: how well is it noticed that they are not like the data? */
  readonly outside?: Dataset | undefined
  /** What the inputs are, where it cannot be told. */
  readonly modality?: Modality | undefined
  /** Values of black and white. */
  readonly range?: readonly [number, number] | undefined
  /** Largest loss that is accepted, in units of the metric. */
  readonly margin?: number | undefined
  readonly alpha?: number | undefined
  readonly seed?: number | undefined
  /** Keeps the scores of a finished piece of work by everything that decides them: a long run can be resumed. */
  readonly keep?:
    | ((key: Readonly<Record<string, unknown>>, make: () => Promise<RowScores>) => Promise<RowScores>)
    | undefined
  readonly onProgress?: ((progress: RobustnessProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RobustnessProgress {
  /** What is measured now, in words. */
  readonly part: string
  /** Rows done and in all, over the whole run; a kept piece counts at once. */
  readonly done: number
  readonly total: number
}
