import type { ComparisonReport } from '../report/index.ts'
import { CLOSE_DB } from './noise/close.ts'
import { heard } from './noise/lowest-sqnr.ts'

/**
 * A list in the order of its scores, as detectors give that sort or suppress for themselves: where one entry moves up, all
 * behind it stand beside others than before, and element by element next to nothing seems to be left.
 */
export function orderDoubts(report: Pick<ComparisonReport, 'labelled' | 'outputs'>): readonly string[] {
  if (report.labelled) return []
  return heard(report)
    .filter(({ sqnrDb, orderedBy }) => orderedBy !== undefined && sqnrDb !== null && sqnrDb < CLOSE_DB)
    .map(
      ({ name, orderedBy }) =>
        `Output ${name} is a list that falls by its column ${orderedBy}, as one of what a detector found does by score. Where one entry moves up, all behind it are held against others, so that it keeps few decibels however good the boxes are. Right boxes as labels judge it: --metric detection:boxes; or take the model without its sorting.`,
    )
}
