import { expect, test } from 'vitest'
import type { ComparisonReport } from '../report/index.ts'
import { labelDoubts } from './label-doubts.ts'

const judged = (value: number, counts: readonly number[], more: Partial<ComparisonReport> = {}) =>
  ({
    metric: 'top1',
    labelled: true,
    higherIsBetter: true,
    flipRates: {},
    base: { value },
    n: counts.reduce((sum, count) => sum + count, 0),
    classes: counts.map((n, place) => ({ name: String(place), n })),
    ...more,
  }) as unknown as ComparisonReport

const doubts = (report: ComparisonReport, names?: readonly string[]) => labelDoubts(report, names).join(' ')

test('a model that is right no more often than one answer to all rows may not belong to these labels', () => {
  expect(doubts(judged(0.35, [220, 220, 220]))).toMatch(/right on 35\.0 % .* “0” would be on 33\.3 %.*labels/)
  expect(doubts(judged(0.5, [220, 220, 220]))).toBe('')
  expect(doubts(judged(0.92, [90, 10]))).toMatch(/balanced-accuracy/)
  // Too few rows, another metric: nothing is known.
  expect(doubts(judged(0.5, [10, 10]))).toBe('')
  expect(doubts(judged(0.35, [220, 220, 220], { metric: 'top5' }))).toBe('')
})

test('rows of one class say nothing of the others', () => {
  expect(doubts(judged(0.9, [0, 50, 0]))).toMatch(/All 50 rows have the label “1”.*always answered “1” would pass/)
  expect(doubts(judged(0.99, [0, 25, 25]))).toBe('')
  // Of a few that were looked at first, one class may be all by chance.
  expect(labelDoubts(judged(1, [0, 4, 0]), undefined, 360)).toEqual([])
  expect(labelDoubts(judged(1, [0, 360, 0]), undefined, 360)).toHaveLength(1)
  // Without labels, and of a metric that has no right and wrong, classes are not what is judged.
  expect(doubts(judged(0.9, [0, 50, 0], { labelled: false }))).toBe('')
  expect(doubts(judged(0.9, [0, 50, 0], { flipRates: undefined as never }))).toBe('')
})

test('a model that is never right is told once', () => {
  expect(labelDoubts(judged(0, [50, 50]), undefined)).toEqual([expect.stringMatching(/answers none of 100 rows right/)])
})

test('fewer names than the model has classes may be names of others', () => {
  const named = judged(0.9, [50, 50, 0])
  expect(doubts(named, ['circle', 'triangle'])).toMatch(/scores 3 classes, and the data name 2/)
  expect(doubts(named, ['circle', 'square', 'triangle'])).toBe('')
  expect(doubts(named)).toBe('')
})
