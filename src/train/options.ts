import type { Feeds, Session } from '../engine/index.ts'
import type { EpochResult, TrainState } from './checkpoint.ts'
import type { Length } from './pace.ts'

/** Reads rows in the order asked for, at most `batch` at a time, as they are augmented in this epoch. */
export type ReadBatches = (
  rows: readonly number[],
  batch: number,
  epoch: number,
) => AsyncIterable<{ readonly feeds: Feeds; readonly rows: number }>

export interface TrainOptions {
  /**
   * How often to go over the rows. A length in seconds becomes a number of epochs by a trial step, which a resumed run
   * keeps.
   */
  readonly epochs: Length
  readonly rows: readonly number[]
  readonly read: ReadBatches
  /** Where training starts. */
  readonly start: { readonly weights: Float32Array; readonly statistics: Float32Array }
  /** Opens the step; called again where a batch did not fit into memory. */
  readonly open: () => Promise<Session>
  /** Identifies the run in checkpoints (a digest of models, rows and options). */
  readonly run: string
  readonly resume?: TrainState | undefined
  readonly batch?: number
  readonly seed?: number
  /** The highest learning rate; 1e-3 by default. */
  readonly rate?: number
  /** Epochs without a better score after which training ends; never by default. */
  readonly patience?: number | undefined
  /** Scores averaged weights; higher is better. */
  readonly validate?: (weights: Float32Array, statistics: Float32Array) => Promise<number>
  /** Saves a state; called after each epoch, every `keepEvery` steps (200 by default), and when the run is stopped. */
  readonly keep?: (state: TrainState) => Promise<void>
  readonly keepEvery?: number
  readonly onStep?: (progress: { readonly step: number; readonly of: number; readonly loss: number }) => void
  readonly onEpoch?: (result: EpochResult) => void
  /** Called with what the user should know, as soon as it happens. */
  readonly onNote?: (note: string) => void
  readonly signal?: AbortSignal | undefined
}

/** The best epoch of a training. */
export interface Trained {
  /** The averaged weights of the best epoch, and the statistics of normalisations then. */
  readonly weights: Float32Array
  readonly statistics: Float32Array
  /** Counted from 0. */
  readonly bestEpoch: number
  /** Epochs that the run was planned for. */
  readonly planned: number
  readonly epochs: readonly EpochResult[]
  readonly steps: number
  /** Seconds spent, interrupted runs included. */
  readonly seconds: number
}
