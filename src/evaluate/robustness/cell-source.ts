import type { Dataset } from '../../data/index.ts'
import type { RowScores } from '../../report/index.ts'
import type { RobustnessOptions } from './options.ts'
import type { RobustnessPlan } from './plan.ts'
import { scoreModels } from './score-models.ts'
import type { RobustnessSubject } from './subject.ts'

/** Scores of all models on a changed data set; `what` is what was done to it, for the evidence's key. */
type CellSource = (part: string, what: unknown, changed: Dataset) => Promise<RowScores>

/**
 * Where the scores of every cell come from: kept evidence of an earlier run, else the models.
 *
 * @param digest Of the untouched data.
 */
export function cellSource(
  subjects: readonly RobustnessSubject[],
  digest: string,
  rows: number,
  { labelField, metricOptions, rows: total }: RobustnessPlan,
  { metric, keep, signal, onProgress }: RobustnessOptions,
): CellSource {
  // A metric from a user's file may change between runs under the same name.
  const kept = typeof metric === 'object' ? undefined : keep
  let finished = 0
  return async (part, what, changed) => {
    signal?.throwIfAborted()
    const make = () =>
      scoreModels(
        subjects.map(({ session }) => session),
        changed,
        {
          metric,
          metricOptions,
          labelField,
          onRow: (row) => onProgress?.({ part, done: finished + row, total }),
          signal,
        },
      )
    const key = {
      measure: 'row-scores',
      // What is kept beside scores; older evidence did not tell which rows a score rests on.
      summaries: 4,
      what,
      models: subjects.map((one) => one.digest),
      data: digest,
      metric: typeof metric === 'string' ? metric : null,
      labelField,
      metricOptions,
    }
    const cell = await (kept ? kept(key, make) : make())
    finished += rows
    onProgress?.({ part, done: finished, total })
    return cell
  }
}
