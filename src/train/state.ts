import type { TrainState } from './checkpoint.ts'
import type { Trained, TrainOptions } from './options.ts'
import { STEP, type StepGraph } from './step-graph.ts'

/** Where a run starts that continues none. */
export function startState(step: StepGraph, { start, run, batch = 64, rows }: TrainOptions): TrainState {
  const arrays = new Map<string, Float32Array>([
    [STEP.weights, start.weights],
    [STEP.moment1, new Float32Array(step.weights.size)],
    ...(step.optimizer.kind === 'adamw' ? ([[STEP.moment2, new Float32Array(step.weights.size)]] as const) : []),
    [STEP.average, start.weights.slice()],
    ...(step.statistics.size > 0 ? ([[STEP.statistics, start.statistics]] as const) : []),
  ])
  const size = Math.max(1, Math.min(batch, rows.length))
  const none = { planned: 0, step: 0, epoch: 0, row: 0, lossSum: 0, seconds: 0 }
  return { run, ...none, batch: size, epochs: [], arrays, best: null, bestArrays: new Map() }
}

/** The state after the last row of an epoch: its averaged weights are judged, and kept where they are the best so far. */
export async function endEpoch(state: TrainState, options: TrainOptions, rate: number): Promise<TrainState> {
  const [average, statistics] = averagesOf(state.arrays)
  const score = options.validate ? await options.validate(average, statistics) : null
  const result = { epoch: state.epoch, loss: state.lossSum / state.row, rate, score, batch: state.batch }
  const better = state.best === null || score === null || state.best.score === null || score > state.best.score
  return {
    ...state,
    epoch: state.epoch + 1,
    row: 0,
    lossSum: 0,
    epochs: [...state.epochs, result],
    ...(better
      ? {
          best: { epoch: state.epoch, score },
          bestArrays: new Map([
            [STEP.average, average],
            [STEP.statistics, statistics],
          ]),
        }
      : {}),
  }
}

/** Whether so many epochs went by without a better one that training ends. */
export const tired = ({ best, epoch }: TrainState, patience: number | undefined): boolean =>
  patience !== undefined && best !== null && epoch - 1 - best.epoch >= patience

/** What a run gives that ended in this state. */
export function trained({ arrays, bestArrays, best, epoch, epochs, planned, step, seconds }: TrainState): Trained {
  const [weights, statistics] = averagesOf(bestArrays.size > 0 ? bestArrays : arrays)
  return { weights, statistics, bestEpoch: best?.epoch ?? epoch - 1, planned, epochs, steps: step, seconds }
}

/** Averaged weights, and the statistics of normalisations; no numbers where there are no such. */
export const averagesOf = (
  arrays: TrainState['arrays'],
): readonly [weights: Float32Array, statistics: Float32Array] => [
  arrays.get(STEP.average)!,
  arrays.get(STEP.statistics) ?? new Float32Array(0),
]
