import { type Dataset, repeatsIn, rowsApart, splitRows, subset, tellApart, tellRepeats } from '../../data/index.ts'
import { openIsolated } from '../../engine/index.ts'
import { type CompareOptions, sizeChange } from '../../evaluate/index.ts'
import {
  countMacs,
  countParameters,
  inferTypes,
  type Model,
  newProblems,
  type Shape,
  tensorShape,
  type ValueType,
} from '../../ir/index.ts'
import { modelBytes, oldestRuntime } from '../../onnx/index.ts'
import { UserError } from '../../platform/index.ts'
import type { ComparisonReport, LearnedModel, PruningReport } from '../../report/index.ts'
import { bench } from '../judge/bench.ts'
import { compareModels } from '../judge/compare.ts'
import { tryProof } from '../try-metric.ts'
import type { Learned, LearnSettings } from './learn.ts'

export interface ProofOptions {
  /** Rows to prove on, instead of a share of the data. */
  readonly proof?: Dataset | undefined
  readonly margin?: number | undefined
  readonly label?: string | undefined
  readonly seed?: number | undefined
  /** Whether the two models are timed; yes unless said. */
  readonly timed?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((line: string) => void) | undefined
}

interface LearningRows {
  readonly train: readonly number[]
  readonly select: readonly number[]
  readonly prove: Dataset
}

/** The largest accepted loss, in units of the metric, unless said: one point. */
const DEFAULT_MARGIN = 0.01
const SECONDS = 4

/**
 * Rows to train on, to choose the epoch by, and to prove on: 60, 10 and 30 of 100 by seed, or with rows to prove on of
 * their own 90 and 10.
 *
 * @throws UserError `bad-data` where a part would be empty.
 */
export function learningRows(
  data: Dataset,
  { proof, seed = 0 }: ProofOptions,
  repeats: ReadonlyMap<number, number> = new Map(),
): LearningRows {
  const shares = proof ? ([0.9, 0.1, 0] as const) : ([0.6, 0.1, 0.3] as const)
  const { calibrate, select, prove } = splitRows(data, seed, { shares, repeats })
  if (calibrate.length === 0 || select.length === 0 || (proof?.rows ?? prove.length) === 0)
    throw new UserError(
      'bad-data',
      `"${data.path}" has ${data.rows === 1 ? '1 row' : `${data.rows} rows`}${copies(repeats)}: too few to learn, to choose${proof ? '' : ' and to prove'} on`,
      {
        where: data.path,
        hint: 'ten rows are the least, some thousands are usual',
      },
    )
  return { train: calibrate, select, prove: proof ?? subset(data, prove) }
}

/**
 * As `learningRows`; rows to prove on that the set to learn from holds as well prove nothing, and are told in
 * `notes`, and so are copies within the set, which stay on one side.
 *
 * @throws UserError `bad-argument` where none is left.
 */
export async function rowsToProve(
  data: Dataset,
  options: ProofOptions,
): Promise<LearningRows & { readonly notes: readonly string[] }> {
  const { proof } = options
  const repeats = await repeatsIn(data)
  const told = tellRepeats(repeats, data)
  if (!proof) return { ...learningRows(data, options, repeats), notes: told }
  const apart = await rowsApart(proof, [data])
  if (apart.data.rows === 0 && proof.rows > 0)
    throw new UserError('bad-argument', 'the rows to prove on are the rows that are learned from', {
      where: proof.path,
      hint: 'give other rows with --proof; without it, 30 of 100 of --data are kept for the proof',
    })
  const notes = [...told, ...tellApart(apart, 'prove', `"${data.path}"`)]
  return { ...learningRows(data, { ...options, proof: apart.data }, repeats), notes }
}

/** Types with one row at a time, for the cost of a row; sizes that only the data knows are taken from there. */
export function rowTypes(model: Model, data: Dataset): ReadonlyMap<string, ValueType> {
  const types = inferTypes(model)
  const inputShapes: Record<string, Shape> = {}
  for (const { name } of model.graph.inputs) {
    const shape = tensorShape(types.get(name))
    const row = data.fields.find((field) => field.name === name)?.rowShape
    if (shape)
      inputShapes[name] = shape.map((dim, axis) =>
        typeof dim === 'number' ? dim : axis === 0 ? 1 : (row?.[axis - 1] ?? null),
      )
  }
  return inferTypes(model, { inputShapes })
}

/**
 * Labels that no proof takes are found before anything has learned.
 *
 * @throws UserError as a comparison on all of the rows would.
 */
export async function mustBeProvable(
  model: Model,
  { prove }: LearningRows,
  { label, open = openIsolated }: ProofOptions & Pick<LearnSettings, 'open'>,
): Promise<void> {
  const session = await open(model)
  try {
    await tryProof(session, { data: prove, indices: Array.from({ length: prove.rows }, (_, i) => i) }, { label })
  } finally {
    await session.close()
  }
}

interface LearningProof {
  readonly comparison: ComparisonReport
  readonly sides: readonly [LearnedModel, LearnedModel]
  readonly speedup: number | null
  /** Milliseconds that a run is shorter; null where none was timed or the interval of the ratio holds 1. */
  readonly savedMs: number | null
}

/** How models that have learned are compared: for the verdict, without the mined slices and stories of `whet compare`. */
export const comparing = ({ margin = DEFAULT_MARGIN, seed = 0, label, signal }: ProofOptions): CompareOptions => ({
  margin,
  seed,
  deep: false,
  label,
  signal,
})

/** The two models held against each other on rows that nothing has learned from. */
export async function learningProof(
  models: readonly [
    base: { readonly path: string; readonly model: Model },
    candidate: { readonly path: string; readonly model: Model },
  ],
  rows: LearningRows,
  options: ProofOptions,
): Promise<LearningProof> {
  const [base, candidate] = models
  options.onProgress?.('proving on rows that nothing has learned from')
  const comparison = await compareModels(base.model, candidate.model, rows.prove, comparing(options))
  options.onProgress?.('timing the two by turns')
  const latency =
    options.timed === false
      ? null
      : await bench(
          [
            { label: base.path, model: base.model },
            { label: candidate.path, model: candidate.model },
          ],
          { data: rows.prove, maxSeconds: SECONDS, seed: options.seed ?? 0, signal: options.signal },
        )
  const side = (i: 0 | 1, metric: number | null): LearnedModel => {
    const { path, model } = models[i]
    return {
      path,
      parameters: countParameters(model).count,
      macs: countMacs(model, rowTypes(model, rows.prove)),
      bytes: modelBytes(model),
      p50Ms: latency?.models[i]?.p50Ms ?? null,
      metric,
      runtime: oldestRuntime(model),
    }
  }
  const [ratio] = latency?.ratios ?? []
  const sides = [side(0, comparison.base.value), side(1, comparison.candidate.value)] as const
  const [before, after] = sides.map(({ p50Ms }) => p50Ms)
  const told = ratio && (ratio.ci[1] < 1 || ratio.ci[0] > 1)
  return {
    comparison,
    sides,
    speedup: ratio ? 1 / ratio.median : null,
    savedMs: told && before && after ? before - after : null,
  }
}

/** What became of the file's size, and of the speed where it was measured. */
export function sizeAndSpeed({ sides: [before, after], speedup }: LearningProof): string {
  const fast = speedup === null ? '' : `, and it is ${speedup.toFixed(2)}× as fast`
  return `file is ${sizeChange(before.bytes, after.bytes)}${fast}`
}

/** What every report on learning says of the proof. */
export const toldOfProof = ({ comparison }: LearningProof, { margin = DEFAULT_MARGIN }: ProofOptions) => ({
  verdict: comparison.verdict,
  proof: comparison.sentence,
  metric: comparison.metric,
  margin,
})

/** What speaks against the rows, and against taking the verdict as it stands; each once. */
export const toldOfRows = (
  data: Dataset,
  { notes }: { readonly notes: readonly string[] },
  { comparison }: LearningProof,
) => [...new Set([...data.notes, ...notes, ...comparison.warnings])]

/** What every report on learning says of how it came about; `learned` is null where nothing learned. */
export const toldOfLearning = (
  learned: Learned | null,
  { speedup, savedMs }: LearningProof,
  { train, select, prove }: LearningRows,
  data: { readonly path: string; readonly digest: string; readonly rows: number },
  { seed = 0 }: ProofOptions,
) => ({
  rows: { train: train.length, select: select.length, prove: prove.rows },
  epochs: learned?.epochs ?? [],
  scoreName: learned?.scoreName ?? 'score',
  speedup,
  cost: learningCost(learned, savedMs),
  seed,
  data,
})

/** What training took, and when the saving has made up for it. */
function learningCost(
  learned: Pick<Learned, 'seconds' | 'steps'> | null,
  savedMs: number | null,
): PruningReport['cost'] {
  const seconds = learned?.seconds ?? 0
  return {
    seconds,
    steps: learned?.steps ?? 0,
    breakEvenAnswers: savedMs !== null && savedMs > 0 ? Math.ceil((seconds * 1000) / savedMs) : null,
    savedSecondsPerMillion: savedMs === null ? null : savedMs * 1000,
  }
}

/** A model that we made must be as correct as the one that it was made of. */
export function mustCheck(model: Model, before: Model): Model {
  const [problem] = newProblems(model, before)
  if (problem) throw new Error(`internal: cutting channels made a wrong model: ${JSON.stringify(problem)}`)
  return model
}

const copies = ({ size }: ReadonlyMap<number, number>) =>
  size === 0 ? '' : `, of which ${size} ${size === 1 ? 'repeats' : 'repeat'} others`
