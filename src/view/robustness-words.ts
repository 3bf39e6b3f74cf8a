import type { RobustnessReport } from '../report/index.ts'

/** What the columns of the table of models say, for who meets them the first time: a sentence each. */
export function columnsInWords({ models, missing, corruptions }: RobustnessReport): readonly string[] {
  if (corruptions.length === 0) return []
  return [
    ...('mce' in missing
      ? []
      : [
          'mCE, the mean corruption error, divides the errors of a model by those of the first under each corruption: 1 is as many, below 1 is better; the relative one takes the errors on clean rows off first.',
        ]),
    ...(models.length > 1
      ? ['Churn is the share of corrupted rows that a model answers otherwise than the first.']
      : []),
  ]
}
