import { type Dataset, sampleRows, subset } from '../data/index.ts'
import { UserError } from '../platform/index.ts'
import {
  type CandidateSpec,
  type StudentShape,
  type Trained,
  type TrainStudentOptions,
  trainIntegers,
  trainStudent,
} from '../recipe/index.ts'
import { type Budget, quarteredWithin } from './budget.ts'
import type { ResolvedOptions } from './options.ts'
import { placementSpecs } from './plan.ts'
import type { Pool } from './pool.ts'
import { isStatic, isTrained, type Trial } from './trial.ts'

interface Plan {
  readonly id: string
  readonly words: string
  readonly shape: StudentShape
}

/** Smaller students of a model, in the order in which they are tried. */
const PLANS: readonly Plan[] = [
  {
    id: 'half-resolution-depth',
    words: 'student on half of the resolution with half of the residual blocks',
    shape: { kind: 'cut', width: 1, depth: 0.5, resolution: 0.5 },
  },
  {
    id: 'half-resolution',
    words: 'student on half of the resolution',
    shape: { kind: 'cut', width: 1, depth: 1, resolution: 0.5 },
  },
  { id: 'pruned', words: 'half of the work pruned away', shape: { kind: 'pruned', macs: 0.5 } },
  { id: 'half-width', words: 'student of half the width', shape: { kind: 'cut', width: 0.5, depth: 1, resolution: 1 } },
]

type TrainingOptions = Pick<ResolvedOptions, 'seed' | 'threads' | 'label' | 'signal' | 'onProgress'> & {
  readonly seconds: number
}

/**
 * Rows to train on are as many as the model itself answers in this share of the time, one by one, or a quarter of a
 * quarter … of them: then its answers and the first time over the rows, which takes about four runs a row, fit into the
 * part of one student.
 */
const ANSWERING = 1 / 25
const FEWEST_TRAINING_ROWS = 256

/** The name of the model that was tuned to be integers. */
const TUNED = 'tuned-int8'

/**
 * Trains students within `seconds`, each towards the answers of the original, and builds each in float and in
 * integers; and tunes the original to the fastest of the placements that were timed. What the model does not allow is
 * left out with a warning, and so is what the time is too short for.
 */
export async function trainStudents(
  pool: Pool,
  budget: Budget,
  data: Dataset,
  options: TrainingOptions,
): Promise<{ readonly trials: readonly Trial[]; readonly tensors: Trained['tensors'] }> {
  const { bench } = pool
  const trials: Trial[] = []
  let tensors: Trained['tensors'] = new Map()
  const trainData = rowsInTime(data, pool, budget, options)
  const asked = new Map()
  const started = budget.elapsed
  const fastest = fastestStatic(pool)
  // Equal parts; what a plan that does not fit leaves goes to those behind it. The shares hang on the model alone, so
  // that an interrupted search finds its trainings again.
  let [left, waiting] = [options.seconds, PLANS.length + (fastest ? 1 : 0)]
  const train = async (
    id: string,
    make: (settings: TrainStudentOptions) => Promise<Trained>,
    specs: (trained: Trained) => readonly CandidateSpec[],
  ) => {
    options.signal?.throwIfAborted()
    if (budget.elapsed - started > options.seconds) {
      budget.leaveOut(`training ${id}`)
      return
    }
    let trained: Trained
    const seconds = left / waiting--
    try {
      trained = await make({
        seconds,
        seed: options.seed,
        threads: options.threads,
        label: options.label,
        cache: bench.cache,
        asked,
        signal: options.signal,
        onProgress: (text) => options.onProgress?.(`training ${id}: ${text}`),
      })
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      pool.warnings.push(`${id} was not trained: ${error.message}`)
      return
    }
    left -= seconds
    tensors = new Map([...tensors, ...trained.tensors])
    bench.addTrained(id, trained.trail)
    for (const spec of specs(trained)) {
      const trial = await pool.build(spec)
      if (trial) trials.push(trial)
    }
  }
  const { model } = bench.original
  if (fastest) {
    const { pass, words } = fastest.built.spec
    const placement = { pass, costs: await bench.costsFor(fastest.built.spec) }
    await train(
      TUNED,
      (settings) => trainIntegers(model, trainData, placement, settings),
      (trained) => [{ id: TUNED, words: `${words}, weights and scales ${trained.words}`, base: TUNED }],
    )
  }
  const calibrated = bench.rows.calibrate.indices.length > 0
  for (const { id, words, shape } of PLANS)
    await train(
      id,
      (settings) => trainStudent(model, trainData, shape, settings),
      (trained) => studentSpecs(id, `${words} (${trained.words})`, calibrated),
    )
  return { trials, tensors }
}

/** The rows that there is time to learn from, by seed. */
function rowsInTime(data: Dataset, { bench }: Pool, budget: Budget, { seconds, seed }: TrainingOptions): Dataset {
  const most = (ANSWERING * seconds * 1000) / bench.seen.runMs
  const count = Math.floor(quarteredWithin(data.rows, most, FEWEST_TRAINING_ROWS))
  if (count === data.rows) return data
  budget.leaveOut(`${data.rows - count} of ${data.rows} rows to train on`)
  return subset(data, sampleRows(data.rows, count, seed))
}

/** The placement of integers that is best in the goal; none where none gains, or where the target has kernels of its own. */
function fastestStatic(pool: Pool): Trial | undefined {
  if (pool.bench.target !== 'native') return undefined
  return pool.trials
    .filter((trial) => isStatic(trial) && !isTrained(trial) && trial.result.p50Ms !== null && !pool.hopeless(trial))
    .sort((a, b) => pool.figure(a) - pool.figure(b))[0]
}

/** The student in float, and in integers where these pay and everywhere. */
function studentSpecs(base: string, words: string, calibrated: boolean): readonly CandidateSpec[] {
  const integers = placementSpecs()
    .filter(({ placement }) => placement === 'int8' || placement === 'int8-everywhere')
    .map((spec) => ({ ...spec, id: `${base}-${spec.id}`, words: `${words}, then ${spec.words}`, base }))
  return [{ id: base, words, base }, ...(calibrated ? integers : [])]
}
