import { type Dataset, sampleRows, subset } from '../data/index.ts'
import type { NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import {
  type CandidateSpec,
  type StudentShape,
  type Trained,
  type TrainStudentOptions,
  trainIntegers,
  trainStudent,
} from '../recipe/index.ts'
import { grouped } from '../report/index.ts'
import { type Budget, quarteredWithin } from './budget.ts'
import type { ResolvedOptions } from './options.ts'
import { placementSpecs } from './plan.ts'
import type { Pool } from './pool.ts'
import { isPlainStatic, type Trial } from './trial.ts'

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

/** A model to train, and the candidates that it is built as. */
interface Training {
  readonly id: string
  make(settings: TrainStudentOptions): Promise<Trained>
  specs(trained: Trained): readonly CandidateSpec[]
}

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
  const { seed, threads, label, signal, onProgress } = options
  const trials: Trial[] = []
  const tensors = new Map<string, NumericArray>()
  const trainData = rowsInTime(data, pool, budget, options)
  const shared = { seed, threads, label, signal, cache: bench.cache, asked: new Map() }
  const started = budget.elapsed
  const trainings = [...(await tuningOf(pool, trainData)), ...studentsOf(pool, trainData)]
  // Equal parts; what a plan that does not fit leaves goes to those behind it. The shares hang on the model alone, so
  // that an interrupted search finds its trainings again.
  let left = options.seconds
  for (const [place, { id, make, specs }] of trainings.entries()) {
    signal?.throwIfAborted()
    if (budget.elapsed - started > options.seconds) {
      budget.leaveOut(`training ${id}`)
      continue
    }
    const seconds = left / (trainings.length - place)
    const say = (text: string) => onProgress?.(`training ${id}: ${text}`)
    const trained = await make({ ...shared, seconds, onProgress: say }).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error
      pool.warnings.push(`${id} was not trained: ${error.message}`)
      return null
    })
    if (!trained) continue
    left -= seconds
    for (const [digest, numbers] of trained.tensors) tensors.set(digest, numbers)
    bench.addTrained(id, trained.trail)
    for (const spec of specs(trained)) {
      const trial = await pool.build(spec)
      if (trial) trials.push(trial)
    }
  }
  return { trials, tensors }
}

/** Tuning the original to the fastest placement of integers; none where none gains. */
async function tuningOf(pool: Pool, data: Dataset): Promise<readonly Training[]> {
  const fastest = fastestStatic(pool)
  if (!fastest) return []
  const { bench } = pool
  const { pass, words } = fastest.built.spec
  const placement = { pass, costs: await bench.costsFor(fastest.built.spec) }
  return [
    {
      id: TUNED,
      make: (settings) => trainIntegers(bench.original.model, data, placement, settings),
      specs: (trained) => [{ id: TUNED, words: `${words}, weights and scales ${trained.words}`, base: TUNED }],
    },
  ]
}

/** Every smaller student of the original. */
function studentsOf({ bench }: Pool, data: Dataset): readonly Training[] {
  const calibrated = bench.rows.calibrate.indices.length > 0
  return PLANS.map(({ id, words, shape }) => ({
    id,
    make: (settings) => trainStudent(bench.original.model, data, shape, settings),
    specs: (trained) => studentSpecs(id, `${words} (${trained.words})`, calibrated),
  }))
}

/** The rows that there is time to learn from, by seed. */
function rowsInTime(data: Dataset, { bench }: Pool, budget: Budget, { seconds, seed }: TrainingOptions): Dataset {
  const most = (ANSWERING * seconds * 1000) / bench.seen.runMs
  const count = Math.floor(quarteredWithin(data.rows, most, FEWEST_TRAINING_ROWS))
  if (count === data.rows) return data
  budget.leaveOut(`${grouped(data.rows - count)} of ${grouped(data.rows)} rows to train on`)
  return subset(data, sampleRows(data.rows, count, seed))
}

/** The placement of integers that is best in the goal; none where none gains, or where the target has kernels of its own. */
function fastestStatic(pool: Pool): Trial | undefined {
  if (pool.bench.target !== 'native') return undefined
  return pool.trials
    .filter((trial) => isPlainStatic(trial) && trial.result.p50Ms !== null && !pool.hopeless(trial))
    .sort((a, b) => pool.figure(a) - pool.figure(b))[0]
}

/** The student in float, and in integers where these pay and everywhere. */
function studentSpecs(base: string, words: string, calibrated: boolean): readonly CandidateSpec[] {
  const integers = placementSpecs()
    .filter(({ placement }) => placement === 'int8' || placement === 'int8-everywhere')
    .map((spec) => ({ ...spec, id: `${base}-${spec.id}`, words: `${words}, then ${spec.words}`, base }))
  return [{ id: base, words, base }, ...(calibrated ? integers : [])]
}
