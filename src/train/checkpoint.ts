import { readFileBytes, UserError, writeAtomic } from '../platform/index.ts'

/** One epoch as it went. */
export interface EpochResult {
  readonly epoch: number
  /** Mean loss over its rows. */
  readonly loss: number
  /** Learning rate at its end. */
  readonly rate: number
  /** What the validation gave for the averaged weights; higher is better. Null without validation. */
  readonly score: number | null
  readonly batch: number
}

/** Everything that decides how a run goes on: the same state, rows and options give the same next step. */
export interface TrainState {
  /** What the run was started with; a checkpoint of another run is not continued. */
  readonly run: string
  /** Epochs that the run is to take. */
  readonly planned: number
  /** Steps done, over all epochs. */
  readonly step: number
  readonly epoch: number
  /** Rows of this epoch that were seen. */
  readonly row: number
  readonly batch: number
  /** Σ loss · rows of this epoch. */
  readonly lossSum: number
  readonly seconds: number
  readonly epochs: readonly EpochResult[]
  /** Arrays of the step, by name (see `STEP`). */
  readonly arrays: ReadonlyMap<string, Float32Array>
  /** The averaged weights and statistics of the best epoch so far. */
  readonly best: { readonly epoch: number; readonly score: number | null } | null
  readonly bestArrays: ReadonlyMap<string, Float32Array>
}

const MARK = 'whetstone-checkpoint 1'

/**
 * Writes a state as one file: a line that names the format, a line of JSON, and the arrays as little-endian floats in
 * the order that the JSON says. The name holds the whole of the old or the whole of the new.
 */
export async function writeCheckpoint(path: string, state: TrainState): Promise<void> {
  const { arrays, bestArrays, ...rest } = state
  const named = [...arrays].map(([name, data]) => ['arrays', name, data] as const)
  const kept = [...bestArrays].map(([name, data]) => ['bestArrays', name, data] as const)
  const all = [...named, ...kept]
  const index = all.map(([part, name, { length }]) => ({ part, name, length }))
  const pieces = all.map(([, , data]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  await writeAtomic(path, [`${MARK}\n${JSON.stringify({ ...rest, index })}\n`, ...pieces])
}

/**
 * Reads a state back.
 *
 * @throws UserError `bad-data` where the file is no checkpoint or is cut off, or belongs to a run with other rows,
 * models or options.
 */
export async function readCheckpoint(path: string, run: string): Promise<TrainState> {
  const bytes = await readFileBytes(path)
  const broken = (what: string) =>
    new UserError('bad-data', `${path} ${what}`, { where: path, hint: 'start anew without --resume' })
  const first = bytes.indexOf(10)
  const second = bytes.indexOf(10, first + 1)
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to))
  if (first < 0 || second < 0 || text(0, first) !== MARK) throw broken('is no checkpoint of this version')
  let head: Omit<TrainState, 'arrays' | 'bestArrays'> & {
    readonly index: readonly {
      readonly part: 'arrays' | 'bestArrays'
      readonly name: string
      readonly length: number
    }[]
  }
  try {
    head = JSON.parse(text(first + 1, second))
  } catch {
    throw broken('is damaged')
  }
  if (head.run !== run)
    throw new UserError('bad-argument', `${path} belongs to a run with other models, rows or options`, {
      where: path,
      hint: 'repeat the options of that run, or start anew without --resume',
    })
  const { index, ...state } = head
  const parts = { arrays: new Map<string, Float32Array>(), bestArrays: new Map<string, Float32Array>() }
  let at = second + 1
  for (const { part, name, length } of index) {
    const piece = bytes.slice(at, at + length * 4)
    if (piece.byteLength !== length * 4) throw broken('is cut off')
    parts[part].set(name, new Float32Array(piece.buffer, piece.byteOffset, length))
    at += length * 4
  }
  if (at !== bytes.byteLength) throw broken('is longer than it says')
  return { ...state, ...parts }
}
