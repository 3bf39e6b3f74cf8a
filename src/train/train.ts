import type { Feeds, Fetched, Session, TensorValue } from '../engine/index.ts'
import { UserError } from '../platform/index.ts'
import type { EpochResult, TrainState } from './checkpoint.ts'
import { firstNotFinite, placeOf } from './first-not-finite.ts'
import { epochsWithin, type Length, overdue } from './pace.ts'
import { rateAt, type Schedule } from './schedule.ts'
import { epochOrder } from './shuffle.ts'
import { BETA1, BETA2, nextOf, STEP, type StepGraph, stateArrays } from './step-graph.ts'

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

/** Share of the steps during which the rate rises. */
const WARM_UP = 0.05
/** How much of the weights' running average is kept at each step, once there were enough steps. */
const AVERAGE = 0.99

/**
 * Trains: each step is one run of the step graph. Rows are shuffled by seed and epoch, so on one thread a run that is
 * resumed from a checkpoint gives the same bits as one that was never interrupted.
 *
 * @throws UserError `bad-data` where the loss or the gradient is no longer finite: it names the first such tensor, and
 * the last saved state stays; `out-of-resources` where not even one row fits into memory; the signal's reason when
 * aborted, after the state was saved.
 */
export async function train(step: StepGraph, options: TrainOptions): Promise<Trained> {
  const { rows, seed = 0, signal, keepEvery = 200 } = options
  if (rows.length === 0) throw new UserError('bad-data', 'there are no rows to train on', { where: 'data' })
  const started = performance.now()
  let state: TrainState = options.resume ?? startState(step, options)
  const before = state.seconds
  // Whether there is a saved state to resume from.
  let kept = options.resume !== undefined
  const keep = async () => {
    await options.keep?.(timed())
    kept = options.keep !== undefined
  }
  const timed = (): TrainState => ({ ...state, seconds: before + (performance.now() - started) / 1000 })
  let session = await options.open()
  try {
    if (!options.resume) state = { ...state, planned: await plannedEpochs(session, step, state, options) }
    const epochs = state.planned
    const late = () => overdue(options.epochs, timed().seconds)
    for (let waited = 0; state.epoch < epochs && !tired(state, options.patience) && !(state.epoch > 0 && late()); ) {
      const order = epochOrder(rows, seed, state.epoch)
      const total = epochs * Math.ceil(rows.length / state.batch)
      const schedule = { rate: options.rate ?? 1e-3, warmUp: WARM_UP, steps: total }
      let starved = false
      for await (const part of options.read(order.slice(state.row), state.batch, state.epoch)) {
        if (signal?.aborted) {
          await keep()
          throw signal.reason
        }
        const now = scalarsAt(state.step, schedule, step)
        const feeds = { ...part.feeds, ...arrayFeeds(state.arrays), ...now }
        const results = await runStep(session, feeds, state.batch)
        if (!results) {
          starved = true
          break
        }
        const loss = Number(results[STEP.loss]!.data[0])
        const norm = Number(results[STEP.norm]!.data[0])
        if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
          if (!kept && [...state.arrays.values()].every((values) => values.every(Number.isFinite))) await keep()
          const what = Number.isFinite(loss) ? 'gradient' : 'loss'
          throw await notFinite(session, step, feeds, { what, step: state.step + 1, kept })
        }
        const arrays = stateArrays(step).map((name) => [name, results[nextOf(name)]!.data as Float32Array] as const)
        const lossSum = state.lossSum + loss * part.rows
        state = { ...state, step: state.step + 1, row: state.row + part.rows, lossSum, arrays: new Map(arrays) }
        options.onStep?.({ step: state.step, of: total, loss })
        if (++waited >= keepEvery && options.keep) {
          await keep()
          waited = 0
        }
        if (late()) break
      }
      if (starved) {
        const smaller = Math.ceil(state.batch / 2)
        options.onNote?.(`a batch of ${state.batch} rows does not fit into memory: going on with ${smaller}`)
        state = { ...state, batch: smaller }
        await session.close().catch(() => {})
        session = await options.open()
        continue
      }
      state = await endEpoch(state, options, rateAt(state.step - 1, schedule))
      options.onEpoch?.(state.epochs.at(-1)!)
      await keep()
      waited = 0
    }
  } finally {
    await session.close().catch(() => {})
  }
  return trained(timed())
}

/** What a run gives that ended in this state. */
function trained({ arrays, bestArrays, best, epoch, epochs, planned, step, seconds }: TrainState): Trained {
  const [weights, statistics] = averagesOf(bestArrays.size > 0 ? bestArrays : arrays)
  return { weights, statistics, bestEpoch: best?.epoch ?? epoch - 1, planned, epochs, steps: step, seconds }
}

/** Averaged weights, and the statistics of normalisations; no numbers where there are no such. */
const averagesOf = (arrays: TrainState['arrays']): readonly [weights: Float32Array, statistics: Float32Array] => [
  arrays.get(STEP.average)!,
  arrays.get(STEP.statistics) ?? new Float32Array(0),
]

/** One run of the step graph; null where the batch does not fit into memory and a smaller one may. */
async function runStep(session: Session, feeds: Feeds, batch: number): Promise<Fetched | null> {
  try {
    return await session.run(feeds)
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'out-of-resources' || batch === 1) throw error
    return null
  }
}

function startState(step: StepGraph, { start, run, batch = 64, rows }: TrainOptions): TrainState {
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

/**
 * The epochs asked for, or those that fit into the seconds, by the second of two trial steps and a judging that leave no
 * trace.
 */
async function plannedEpochs(
  session: Session,
  step: StepGraph,
  state: TrainState,
  { epochs, rows, seed = 0, read, validate }: TrainOptions,
): Promise<number> {
  if (typeof epochs === 'number') return epochs
  let judging = performance.now()
  await validate?.(...averagesOf(state.arrays))
  judging = (performance.now() - judging) / 1000
  let seconds = 0
  const some = epochOrder(rows, seed, 0).slice(0, 2 * state.batch)
  let started = performance.now()
  for await (const part of read(some, state.batch, 0)) {
    const now = scalarsAt(0, { rate: 0, warmUp: 0, steps: 1 }, step)
    // Too large a batch is halved later; the plan is then one for the small pace.
    await runStep(session, { ...part.feeds, ...arrayFeeds(state.arrays), ...now }, state.batch)
    seconds = (performance.now() - started) / 1000
    started = performance.now()
  }
  return epochsWithin(epochs, { step: seconds, judging }, Math.ceil(rows.length / state.batch))
}

async function endEpoch(state: TrainState, options: TrainOptions, rate: number): Promise<TrainState> {
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

const tired = ({ best, epoch }: TrainState, patience: number | undefined): boolean =>
  patience !== undefined && best !== null && epoch - 1 - best.epoch >= patience

const scalar = (value: number): TensorValue => ({ dtype: 'float32', dims: [], data: Float32Array.of(value) })

const arrayFeeds = (arrays: ReadonlyMap<string, Float32Array>): Feeds =>
  Object.fromEntries([...arrays].map(([name, data]) => [name, { dtype: 'float32', dims: [data.length], data }]))

function scalarsAt(done: number, schedule: Schedule, { optimizer }: StepGraph): Feeds {
  const t = done + 1
  const feeds: Record<string, TensorValue> = {
    [STEP.rate]: scalar(rateAt(done, schedule)),
    // Early on the average forgets faster, or it would hold on to where training started.
    [STEP.keep]: scalar(Math.min(AVERAGE, t / (t + 9))),
  }
  if (optimizer.kind === 'adamw') {
    feeds[STEP.correction1] = scalar(1 / (1 - BETA1 ** t))
    feeds[STEP.correction2] = scalar(1 / (1 - BETA2 ** t))
  }
  return feeds
}

async function notFinite(
  session: Session,
  step: StepGraph,
  feeds: Feeds,
  seen: { readonly what: 'loss' | 'gradient'; readonly step: number; readonly kept: boolean },
) {
  const first = await firstNotFinite(session, step.model.graph, feeds)
  const inRows = first !== null && first in feeds && !first.startsWith('step/')
  return new UserError('bad-data', `the ${seen.what} is no longer finite at step ${seen.step}`, {
    where: `first in ${first === null ? `the ${seen.what}` : placeOf(step, first)}`,
    hint: `${inRows ? 'rows hold NaN or an infinity: mend them, or leave them out' : 'a lower learning rate (--rate) usually helps'}${seen.kept ? '; the last good state is kept' : ''}`,
  })
}
