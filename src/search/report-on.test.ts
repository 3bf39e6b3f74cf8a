import { expect, test } from 'vitest'
import type { ComparisonReport } from '../report/index.ts'
import { doubtsOf } from './report-on.ts'
import { staged } from './staged-kit.ts'

test('a doubt of the margin quotes the baseline on the most rows that were judged, as the report does beside it', () => {
  const judged = (n: number, value: number) =>
    staged<ComparisonReport>({
      ...{ n, verdict: 'inconclusive', labelled: true, higherIsBetter: false, metric: 'mae' },
      ...{ base: { value }, candidate: { value }, discordant: null, slices: [], classes: [] },
    })
  const doubts = (proof: ComparisonReport | null) =>
    doubtsOf(
      staged<Parameters<typeof doubtsOf>[0]>({
        choice: { proof },
        pool: {
          bench: { rows: { select: { indices: [1] }, prove: { indices: [2] } } },
          trials: [{ comparison: judged(8, 40) }, { comparison: judged(1200, 50) }],
        },
        data: { fields: [] },
        options: { margin: 0.01 },
      }),
    ).join()
  expect(doubts(null)).toMatch(/of which the baseline has 50 on the 1,200 rows judged/)
  // Also where what was proven passed, and what was left behind was judged on fewer rows.
  const proof: ComparisonReport = { ...judged(2000, 52), verdict: 'pass' }
  expect(doubts(proof)).toMatch(/of which the baseline has 52 on the 2,000 rows judged/)
})
