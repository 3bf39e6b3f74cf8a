import { type Dataset, splitRows } from '../data/index.ts'

/** Some rows of a data set. */
export interface RowsOf {
  readonly data: Dataset
  readonly indices: readonly number[]
}

/** What rows are spent on: each row on one of them. */
export type Phase = 'calibrate' | 'select' | 'prove'

/** Ranges seen on fewer rows than this are guesses. */
const ENOUGH_RANGES = 8

/**
 * How many of `rows` go to each phase: 20 / 30 / 50 %, a share of 0 where a phase has a set of its own. A phase that
 * rounding would leave with nothing takes a row where there are enough: proving first, then calibrating, then
 * selecting. Without labels a small set cannot
 * prove anything, so up to two fifths of it, 8 rows at most, go to ranges that are worth something.
 */
export function rowCounts(
  rows: number,
  own: { readonly calibrate: boolean; readonly prove: boolean; readonly labelled?: boolean },
): Readonly<Record<Phase, number>> {
  const shares = { prove: own.prove ? 0 : 0.5, calibrate: own.calibrate ? 0 : 0.2, select: 0.3 }
  const total = shares.prove + shares.calibrate + shares.select
  const wanted = (['prove', 'calibrate', 'select'] as const).filter((phase) => shares[phase] > 0)
  const count = (phase: Phase) => {
    const some = wanted.includes(phase) && rows > wanted.indexOf(phase) ? 1 : 0
    const least =
      phase === 'calibrate' && some && own.labelled === false
        ? Math.max(some, Math.min(ENOUGH_RANGES, Math.floor(rows * 0.4)))
        : some
    // A hair more than the quotient, so that 0.3 / 0.8 of 8 is 3 and not 2.9999….
    return Math.max(least, Math.floor((rows * shares[phase]) / total + 1e-9))
  }
  const calibrate = count('calibrate')
  if (own.prove) return { calibrate, select: rows - calibrate, prove: 0 }
  const select = count('select')
  return { calibrate, select, prove: rows - calibrate - select }
}

/**
 * Splits the rows by seed; sets of their own take the place of a share, and the others grow. No row is in two parts, nor
 * are those of `repeats` (see `repeatsIn`) and the rows that they repeat.
 */
export function shareRows(
  data: Dataset,
  sets: { readonly calibration?: Dataset | undefined; readonly proof?: Dataset | undefined },
  seed: number,
  repeats: ReadonlyMap<number, number>,
): Readonly<Record<Phase, RowsOf>> {
  const all = (set: Dataset): RowsOf => ({ data: set, indices: Array.from({ length: set.rows }, (_, i) => i) })
  const counts = rowCounts(data.rows - repeats.size, {
    calibrate: sets.calibration !== undefined,
    prove: sets.proof !== undefined,
    labelled: data.fields.some((field) => field.role === 'label'),
  })
  const parts = splitRows(data, seed, { shares: [counts.calibrate, counts.select, counts.prove], repeats })
  return {
    calibrate: sets.calibration ? all(sets.calibration) : { data, indices: parts.calibrate },
    select: { data, indices: parts.select },
    prove: sets.proof ? all(sets.proof) : { data, indices: parts.prove },
  }
}
