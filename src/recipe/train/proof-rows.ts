import { type Dataset, repeatsIn, rowsApart, splitRows, subset, tellApart, tellRepeats } from '../../data/index.ts'
import { openIsolated } from '../../engine/index.ts'
import { fixedRows } from '../../evaluate/index.ts'
import { countMacs, inferTypes, type Model, type Shape, tensorShape, type ValueType } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { tryProof } from '../try-metric.ts'
import type { LearnSettings } from './learn.ts'

/** How the two models of a training are held against each other at its end. */
export interface ProofOptions {
  /** Rows to prove on, instead of a share of the data. */
  readonly proof?: Dataset | undefined
  readonly margin?: number | undefined
  readonly label?: string | undefined
  readonly seed?: number | undefined
  /** Whether the two models are timed; yes by default. */
  readonly timed?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((line: string) => void) | undefined
}

/** Rows to learn from and to choose the epoch on, by their places, and those that prove. */
export interface LearningRows {
  readonly train: readonly number[]
  readonly select: readonly number[]
  readonly prove: Dataset
}

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

/** Multiplications of one row: of a run that holds exactly several, its share. Null where shapes are unknown. */
export function rowMacs(model: Model, data: Dataset): number | null {
  const macs = countMacs(model, rowTypes(model, data))
  return macs === null ? null : Math.round(macs / rowsOfRun(model, data))
}

/** How many rows a run of one holds: several where the model takes exactly so many. */
export function rowsOfRun(model: Model, data: Dataset): number {
  const types = rowTypes(model, data)
  const inputs = model.graph.inputs.map(({ name }) => ({ name, shape: tensorShape(types.get(name)) ?? null }))
  return fixedRows(inputs, data) ?? 1
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

const copies = ({ size }: ReadonlyMap<number, number>) =>
  size === 0 ? '' : `, of which ${size} ${size === 1 ? 'repeats' : 'repeat'} others`
