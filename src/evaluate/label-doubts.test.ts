import { expect, test } from 'vitest'
import type { ComparisonReport } from '../report/index.ts'
import { labelDoubts } from './label-doubts.ts'
import { labelSpread } from './label-spread.ts'

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

test('a model that is no nearer to the labels than their mean may not belong to them', () => {
  const of = (metric: string, value: number, n = 800) =>
    doubts(
      judged(value, [n], {
        metric,
        higherIsBetter: metric === 'r2',
        flipRates: undefined as never,
        labelSpread: { mean: -3.25, deviation: 1030 },
      }),
    )
  expect(of('mae', 2782.8)).toMatch(/has 2780 of mae; always answering -3.25, .* would have at most 1030\. .*units/)
  expect(of('rmse', 1030)).not.toBe('')
  expect(of('r2', -0.01)).toMatch(/would have 0\./)
  expect([of('mae', 1029), of('rmse', 12), of('r2', 0.01), of('spearman', 5000), of('mae', 2782.8, 29)]).toEqual(
    Array(5).fill(''),
  )
})

test('the spread of labels is that of all their numbers, and there is none of texts', () => {
  const of = (...labels: readonly (number | string | Float32Array | BigInt64Array)[]) => {
    const spread = labelSpread()
    for (const label of labels) spread.add(label)
    return spread.result()
  }
  expect(of(1, 2, 3, 6)).toEqual({ mean: 3, deviation: Math.sqrt(3.5) })
  expect(of(Float32Array.of(1, 2), Float32Array.of(3, 6))).toEqual(of(1, 2, 3, 6))
  expect(of(BigInt64Array.of(1n, 2n, 3n, 6n))).toEqual(of(1, 2, 3, 6))
  expect(of(1e9 + 1, 1e9 - 1)!.deviation).toBeCloseTo(1, 9)
  expect([of(1, 'a'), of()]).toEqual([null, null])
})
