import { expect, test } from 'vitest'
import {
  designEffect,
  normalSurvival,
  type RandomSource,
  randomSource,
  standardNormal,
  tango,
} from '../../statistics/index.ts'
import { metricNamed } from '../metric/metrics.ts'
import { judge } from './judge.ts'
import { pairedScores } from './paired-scores.ts'

const RUNS = 300
const ROWS = 120

/** Two rows a label, each found by the other; the vectors of both models are off by noise, the worse one's by more. */
function retrieval(random: RandomSource, noises: readonly [base: number, candidate: number]) {
  const metric = metricNamed('recall@1')
  const offset = (size: number) => size * standardNormal(random)
  const vectors = Array.from({ length: ROWS / 2 }, () => Array.from({ length: 6 }, () => offset(1))).flatMap((centre) =>
    [0, 1].map(() => centre.map((value) => value + offset(0.12))),
  )
  const [base, candidate] = noises.map((noise) => {
    const summaries = vectors.map((vector, row) => {
      const data = Float64Array.from(vector, (value) => value + offset(noise))
      return metric.summary!({ outputs: { e: { dtype: 'float64', dims: [6], data } }, label: row >> 1, row })
    })
    return { scores: metric.scoreAll!(summaries, summaries), summaries, company: metric.company!(summaries) }
  })
  return pairedScores(base!, candidate!, [...vectors.keys()], metric, true)
}

function passRate(noises: readonly [number, number]): number {
  const random = randomSource(9)
  let passed = 0
  for (let run = 0; run < RUNS; run++)
    if (judge(retrieval(random, noises), { margin: MARGIN, alpha: 0.05 }).verdict === 'pass') passed++
  return passed / RUNS
}

/** Mean loss of 8,000 such sets with noise of 0.2 in place of 0.05, give or take 0.0004. */
const MARGIN = 0.11

test('recall, a true loss of exactly the margin: one case of twenty passes, though near rows are lost together', () => {
  expect(passRate([0.05, 0.2])).toBeLessThanOrEqual(0.05 + 2 * Math.sqrt((0.05 * 0.95) / RUNS))
}, 60_000)

test('recall of equally good models still passes in nearly all cases', () => {
  expect(passRate([0.05, 0.05])).toBeGreaterThan(0.9)
}, 60_000)

test('values in pairs that are the same tell half as much, and those that nothing links as much as they are', () => {
  const random = randomSource(1)
  const values = Array.from({ length: 2000 }, () => standardNormal(random)).flatMap((value) => [value, value])
  const alone = values.map(() => [])
  expect(designEffect(values, alone)).toBe(1)
  expect(
    designEffect(
      values,
      [...values.keys()].map((i) => [i ^ 1]),
    ),
  ).toBeCloseTo(2, 2)
  // Whatever is linked to everything is one value.
  expect(designEffect([0, 0, 1, 1], [[1, 2, 3], [2, 3], [3], []])).toBe(4)
  expect(designEffect([0, 0, 1, 1], [[1], [], [3], []])).toBeCloseTo(3, 12)
  expect(() => designEffect([1, 2], [[]])).toThrow('2 values, links of 1')
})

test('counts with a design effect of two are half as many', () => {
  const halves = tango({ baseOnly: 6, candidateOnly: 2, n: 100, margin: 0.05, alpha: 0.05 })
  expect(tango({ baseOnly: 12, candidateOnly: 4, n: 200, margin: 0.05, alpha: 0.05, designEffect: 2 })).toEqual(halves)
  const none = { baseOnly: 0, candidateOnly: 0, n: 4, margin: 0.05, alpha: 0.05, designEffect: 0.5 }
  expect(() => tango(none)).toThrow('a design effect is 1 at least, got 0.5')
})

test('rows that are lost and found in twos are half as much evidence of a loss', () => {
  // 16 lost and 4 found of 400, each beside its twin.
  const base = Array.from({ length: 400 }, (_, i) => (i >= 16 && i < 20 ? 0 : 1))
  const candidate = base.map((_, i) => (i < 16 ? 0 : 1))
  const company = () => base.map((_, i) => ({ near: [i ^ 1], only: null }))
  const alone = { base, candidate, higherIsBetter: true, rightOrWrong: true }
  const options = { margin: 0.01, alpha: 0.05 }
  // Of 20 coins 17 or more heads are 1,351 of 2²⁰ cases, 16 are 4,845 and count half.
  expect(judge(alone, options).pWorse).toBeCloseTo((1351 + 4845 / 2) / 2 ** 20, 9)
  // The variance of 200 twins is 2 · (200 / 199) / (400 / 399) times that of 400 rows, and 12 of 20 are 1.89499 deviations.
  expect(judge({ ...alone, company }, options).pWorse).toBeCloseTo(
    normalSurvival(12 / Math.sqrt((20 * 2 * 399) / (199 * 2))),
    9,
  )
})

test('a few rows that find each other alone are taken to change by two', () => {
  // Four pairs of one label each, a long way from each other; both models say the same.
  const metric = metricNamed('recall@1')
  const summaries = Array.from({ length: 8 }, (_, row) => {
    const angle = (row >> 1) + 0.01 * (row & 1)
    const data = Float64Array.of(Math.cos(angle), Math.sin(angle))
    return metric.summary!({ outputs: { e: { dtype: 'float64', dims: [2], data } }, label: row >> 1, row })
  })
  const model = { scores: metric.scoreAll!(summaries, summaries), summaries, company: metric.company!(summaries) }
  const scores = pairedScores(model, model, [0, 1, 2, 3, 4, 5, 6, 7], metric, true)
  const options = { margin: 0.01, alpha: 0.05 }
  const { company: _, ...alone } = scores
  expect(judge(alone, options).requiredN).toBe(268)
  expect(judge(scores, options)).toMatchObject({ requiredN: 536, mcnemar: null })
  // Of a choice of rows the neighbours are still those among all.
  expect(scores.company!('base').map(({ only }) => only)).toEqual([1, 0, 3, 2, 5, 4, 7, 6])
  const some = pairedScores(model, model, [0, 2, 3], metric, true)
  expect(some.company!('base')).toEqual([
    { near: [], only: null },
    { near: [2], only: 2 },
    { near: [1], only: 1 },
  ])
})
