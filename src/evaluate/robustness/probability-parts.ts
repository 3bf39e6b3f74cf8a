import { type Dataset, sampleRows } from '../../data/index.ts'
import { grouped, type RobustnessReport } from '../../report/index.ts'
import { calibrationOf } from './calibration.ts'
import { type ClassRows, classOutput, classRows } from './class-rows.ts'
import { detectorScores } from './out-of-distribution.ts'
import type { RobustnessSubject } from './subject.ts'

/** Rows of either data set that are looked at for out-of-distribution scores: distances are quadratic in them. */
const MOST_ROWS = 2000

interface Parts {
  readonly calibration: RobustnessReport['calibration']
  readonly outOfDistribution: RobustnessReport['outOfDistribution']
  readonly missing: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
}

/** What rests on class probabilities: calibration on labelled rows, and telling rows from elsewhere. */
export async function probabilityParts(
  subjects: readonly RobustnessSubject[],
  data: Dataset,
  options: {
    readonly labelField: string | null
    readonly outside: Dataset | undefined
    readonly alpha: number
    readonly seed: number
    readonly onPart: (text: string) => void
    readonly signal: AbortSignal | undefined
  },
): Promise<Parts> {
  const outputs: (string | null)[] = []
  for (const { session } of subjects) outputs.push(await classOutput(session, data))
  const missing: Record<string, string> = {}
  if (outputs.some((output) => output === null)) {
    missing.calibration = 'no output of the models scores classes'
    if (options.outside) missing.outOfDistribution = missing.calibration
    return { calibration: null, outOfDistribution: null, missing, warnings: [] }
  }
  const read = async (set: Dataset, indices: readonly number[], labelField: string | null, what: string) => {
    const rows: ClassRows[] = []
    for (const [m, { session, path, head }] of subjects.entries()) {
      const output = outputs[m]!
      rows.push(
        await classRows(session, set, output, head(output), {
          indices,
          labelField,
          onRow: (done) => options.onPart(`${what} of ${path}: row ${done} of ${indices.length}`),
          signal: options.signal,
        }),
      )
    }
    return rows
  }
  const indices = sampleRows(data.rows, MOST_ROWS, options.seed)
  const inside = await read(data, indices, options.labelField, 'class scores')
  const warnings =
    indices.length < data.rows
      ? [`Calibration and detectors look at ${grouped(MOST_ROWS)} of the rows, chosen by the seed.`]
      : []
  const calibration = options.labelField === null ? 'calibration needs labels' : calibrationOf(inside, options)
  if (typeof calibration === 'string') missing.calibration = calibration
  if (!options.outside) missing.outOfDistribution = 'no rows from elsewhere were given (--ood)'
  return {
    calibration: typeof calibration === 'string' ? null : calibration,
    outOfDistribution: options.outside ? await detectors(inside, options.outside, read, options) : null,
    missing,
    warnings,
  }
}

async function detectors(
  inside: readonly ClassRows[],
  outside: Dataset,
  read: (set: Dataset, indices: readonly number[], labelField: null, what: string) => Promise<readonly ClassRows[]>,
  { alpha, seed }: { readonly alpha: number; readonly seed: number },
): Promise<RobustnessReport['outOfDistribution']> {
  const indices = sampleRows(outside.rows, MOST_ROWS, seed)
  const strange = await read(outside, indices, null, 'rows from elsewhere')
  const count = inside[0]!.scores.length
  // Half of the rows fit distances, the other half is told from the strangers: no row is near itself.
  const fitPlaces = new Set(sampleRows(count, Math.floor(count / 2), seed))
  const places = Array.from({ length: count }, (_, i) => i)
  const subjects = inside.map((rows, m) => ({
    fit: part(
      rows,
      places.filter((place) => fitPlaces.has(place)),
    ),
    inside: part(
      rows,
      places.filter((place) => !fitPlaces.has(place)),
    ),
    outside: strange[m]!,
  }))
  return {
    path: outside.path,
    digest: await outside.digest(),
    inRows: count - fitPlaces.size,
    outRows: indices.length,
    fitRows: fitPlaces.size,
    readFrom: inside.map(({ from }) => ({ logits: from.logits, features: from.features ?? from.logits })),
    detectors: detectorScores(subjects, { alpha, seed }),
  }
}

function part(rows: ClassRows, places: readonly number[]): ClassRows {
  return {
    scores: places.map((place) => rows.scores[place]!),
    features: rows.features && places.map((place) => rows.features![place]!),
    labels: places.map((place) => rows.labels[place]!),
    from: rows.from,
  }
}
