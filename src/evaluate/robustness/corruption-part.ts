import { grouped, type RobustnessReport, type RowScores } from '../../report/index.ts'
import { mean } from '../../statistics/index.ts'
import {
  corruptionErrors,
  errorOf,
  meanCorruptionError,
  type RowErrors,
  relativeMeanCorruptionError,
} from './corruption-errors.ts'
import {
  type ChangeOptions,
  changeOf,
  lostRows,
  type ModelScores,
  metricOver,
  scoresOf,
  type Yardstick,
} from './paired-values.ts'

type Model = RobustnessReport['models'][number]

/** Every corruption at every severity, and what its answers are held against. */
interface CorruptionGrid {
  /** Of the models. */
  readonly names: readonly string[]
  readonly chosen: readonly { readonly name: string; readonly group: string }[]
  readonly severities: readonly number[]
  readonly clean: RowScores
  readonly yardstick: Yardstick
  readonly cell: (name: string, severity: number) => Promise<RowScores>
}

interface CorruptionPart {
  readonly models: readonly Omit<Model, 'path' | 'digest'>[]
  readonly corruptions: RobustnessReport['corruptions']
  readonly missing: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
}

/**
 * All corruptions and severities, one after the other. Of each only sums over severities by row are kept; a row's value
 * in the whole is its mean over all of them, so that rows stay the independent units.
 */
export async function corruptionPart(grid: CorruptionGrid, options: ChangeOptions): Promise<CorruptionPart> {
  const { names, chosen, severities, clean, yardstick } = grid
  const before = scoresOf(clean, clean, yardstick)
  const error = errorOf(yardstick)
  const n = clean.rows.length
  const { scoreSums, changedAnswers, byCorruption, values, corruptions } = await readCells(grid, options)
  const trials = chosen.length * severities.length
  const average = scoreSums.map((sums): ModelScores => ({ scores: sums.map((sum) => sum / trials), summaries: null }))
  const cleanErrors = before.map(({ scores }) => (error ? scores.map(error) : scores))
  const untouched = error ? corruptions.filter(({ corruptionErrors: own }) => own[0] === null) : []
  return {
    corruptions,
    models: before.map((own, m) => ({
      clean: metricOver(own, yardstick),
      corrupted: meanOf(values[m]!),
      change:
        m === 0 || yardstick.aggregate || trials === 0
          ? null
          : changeOf(average[0]!, average[m]!, { ...yardstick, rightOrWrong: false }, options),
      mce: error ? meanCorruptionError(byCorruption, m, options) : null,
      relativeMce: error ? relativeMeanCorruptionError(byCorruption, cleanErrors, severities.length, m) : null,
      churn:
        m === 0
          ? null
          : {
              clean: shareOf(differing(clean.models[0]!.answers, clean.models[m]!.answers), n),
              corrupted: shareOf(changedAnswers[m]!, n * trials),
            },
    })),
    missing: error ? {} : { mce: `${yardstick.name} is no rate and no error: nothing to divide` },
    warnings: [
      ...(untouched.length > 0
        ? [
            `The first model makes no error under ${untouched.map(({ name }) => name).join(', ')}: not part of the mean corruption error.`,
          ]
        : []),
      ...average.flatMap(({ scores }, m) => {
        const lost = lostRows(average[0]!.scores, scores).length
        return lost > 0
          ? [
              `${names[m]} gives no number on ${grouped(lost)} of ${grouped(n)} rows under some corruption, where ${names[0]} does: its figures are of the others.`,
            ]
          : []
      }),
    ],
  }
}

/** What is kept of all cells; by model throughout. */
interface CellSums {
  /** By row, over all cells. */
  readonly scoreSums: readonly Float64Array[]
  readonly changedAnswers: readonly number[]
  /** Of each corruption the errors by row, over its severities. */
  readonly byCorruption: readonly RowErrors[]
  /** The metric of each cell. */
  readonly values: readonly (readonly (number | null)[])[]
  readonly corruptions: RobustnessReport['corruptions']
}

async function readCells(
  { chosen, severities, clean, yardstick, cell: read }: CorruptionGrid,
  options: ChangeOptions,
): Promise<CellSums> {
  const error = errorOf(yardstick)
  const n = clean.rows.length
  const zeros = () => clean.models.map(() => new Float64Array(n))
  const scoreSums = zeros()
  const changedAnswers = clean.models.map(() => 0)
  const byCorruption: RowErrors[] = []
  const values: (number | null)[][] = clean.models.map(() => [])
  const corruptions: RobustnessReport['corruptions'][number][] = []
  for (const { name, group } of chosen) {
    const errors = zeros()
    const cells: RobustnessReport['corruptions'][number]['cells'][number][] = []
    for (const severity of severities) {
      const cell = await read(name, severity)
      const scores = scoresOf(cell, clean, yardstick)
      for (const [m, { scores: own }] of scores.entries()) {
        for (let row = 0; row < n; row++) {
          scoreSums[m]![row]! += own[row]!
          if (error) errors[m]![row]! += error(own[row]!)
        }
        changedAnswers[m]! += differing(cell.models[0]!.answers, cell.models[m]!.answers)
        values[m]!.push(metricOver(scores[m]!, yardstick))
      }
      cells.push({
        severity,
        values: scores.map((model) => metricOver(model, yardstick)),
        changes: scores.map((model, m) => (m === 0 ? null : changeOf(scores[0]!, model, yardstick, options))),
      })
    }
    byCorruption.push(errors)
    corruptions.push({
      name,
      group,
      corruptionErrors: error ? corruptionErrors(errors) : clean.models.map(() => null),
      cells,
    })
  }
  return { scoreSums, changedAnswers, byCorruption, values, corruptions }
}

/** Rows with different answers; NaN where a model has none. */
function differing(a: readonly string[] | null, b: readonly string[] | null): number {
  return a && b ? a.reduce((count, answer, i) => count + (answer === b[i] ? 0 : 1), 0) : Number.NaN
}

const shareOf = (count: number, of: number) => (Number.isNaN(count) || of === 0 ? null : count / of)

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : mean(known)
}
