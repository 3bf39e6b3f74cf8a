import { UserError } from '../platform/index.ts'
import {
  type CandidateSpec,
  type Dataset,
  type StudentShape,
  type Trained,
  trainStudent,
  type Workbench,
} from '../recipe/index.ts'
import type { OptimizeOptions } from './options.ts'
import { placementSpecs } from './plan.ts'
import type { Pool } from './pool.ts'
import type { Trial } from './trial.ts'

interface Plan {
  readonly id: string
  readonly words: string
  readonly shape: StudentShape
}

/** Smaller students of a model, in the order in which they are tried. */
const PLANS: readonly Plan[] = [
  {
    id: 'half-resolution',
    words: 'student on half of the resolution',
    shape: { kind: 'cut', width: 1, depth: 1, resolution: 0.5 },
  },
  { id: 'pruned', words: 'half of the work pruned away', shape: { kind: 'pruned', macs: 0.5 } },
  { id: 'half-width', words: 'student of half the width', shape: { kind: 'cut', width: 0.5, depth: 1, resolution: 1 } },
]

/**
 * Trains students within `seconds`, each towards the answers of the original, and builds each in float and in
 * integers. One that the model does not allow is left out with a warning.
 */
export async function trainStudents(
  pool: Pool,
  trainData: Dataset,
  options: OptimizeOptions & { readonly seconds: number },
): Promise<{ readonly trials: readonly Trial[]; readonly tensors: Trained['tensors'] }> {
  const { bench, warnings } = pool
  const trials: Trial[] = []
  let tensors: Trained['tensors'] = new Map()
  const seconds = options.seconds / PLANS.length
  for (const { id, words, shape } of PLANS) {
    options.signal?.throwIfAborted()
    let trained: Trained
    try {
      trained = await trainStudent(bench.original.model, trainData, shape, {
        seconds,
        seed: options.seed ?? 0,
        threads: options.threads ?? 1,
        label: options.label,
        cache: bench.cache,
        signal: options.signal,
        onProgress: (text) => options.onProgress?.(`training ${id}: ${text}`),
      })
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      warnings.push(`${id} was not trained: ${error.message}`)
      continue
    }
    tensors = new Map([...tensors, ...trained.tensors])
    bench.addTrained(id, trained.trail)
    for (const spec of studentSpecs(id, `${words} (${trained.words})`, bench.rows.calibrate.indices.length > 0)) {
      const trial = await pool.build(spec)
      if (trial) trials.push(trial)
    }
  }
  return { trials, tensors }
}

/** The student in float, and in integers where these pay and everywhere. */
export function studentSpecs(base: string, words: string, calibrated: boolean): readonly CandidateSpec[] {
  const integers = placementSpecs()
    .filter(({ id }) => /^int8-(minmax|everywhere-)/.test(id))
    .map((spec) => ({ ...spec, id: `${base}-${spec.id}`, words: `${words}, then ${spec.words}`, base }))
  return [{ id: base, words, base }, ...(calibrated ? integers : [])]
}

/**
 * Rows that judge must not have been trained on.
 *
 * @throws UserError where the two sets are one.
 */
export async function mustBeOthers(bench: Workbench, trainData: Dataset): Promise<void> {
  const digest = await trainData.digest()
  for (const { data } of [bench.rows.select, bench.rows.prove])
    if ((await data.digest()) === digest)
      throw new UserError('bad-argument', 'the rows to train on are the rows that the search judges by', {
        where: trainData.path,
        hint: 'give other rows with --train-data; what has learned a row cannot be proven on it',
      })
}
