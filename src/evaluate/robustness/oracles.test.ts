import { describe, expect, test } from 'vitest'
import { delongPaired } from '../../statistics/index.ts'
import {
  bestTemperature,
  confidencesOf,
  equalMassCalibrationError,
  expectedCalibrationError,
  riskCoverageArea,
} from '../metric/calibration-error.ts'
import { levelsOf } from '../metric/levels.ts'
import { brierScore, el2n, logLoss, softmax } from '../metric/probabilities.ts'
import { auroc, averagePrecision, falsePositiveRate } from '../metric/ranked-scores.ts'
import { calibrationOf } from './calibration.ts'
import { energy, mahalanobis, maximumSoftmax, nearestNeighbour } from './detectors.ts'

/** The generator that the reference numbers were made with: x ← 1664525 x + 1013904223 mod 2³², from 12345. */
function draws(count: number): Float64Array {
  let state = 12345
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  })
}
const u = draws(1500)
const logits = Array.from({ length: 200 }, (_, row) =>
  Float64Array.from({ length: 3 }, (_, c) => 6 * (u[3 * row + c]! - 0.5)),
)
const labels = logits.map((row, i) => {
  const wide = Math.max(...softmax(row)) > 0.75 ? 10 : 2
  const noisy = Array.from(row, (value, c) => value + wide * (u[600 + 3 * i + c]! - 0.5))
  return noisy.indexOf(Math.max(...noisy))
})
const strangers = Array.from({ length: 100 }, (_, row) =>
  Float64Array.from({ length: 3 }, (_, c) => 3 * (u[1200 + 3 * row + c]! - 0.5)),
)

test('the data are those of the reference', () => {
  expect([...logits[0]!]).toEqual(
    [-2.8775838855654, -2.9007129105739295, 0.258934766985476].map((v) => expect.closeTo(v, 12)),
  )
  expect(labels.slice(0, 10)).toEqual([2, 0, 2, 0, 0, 0, 1, 0, 2, 2])
})

describe('calibration', () => {
  const confidences = confidencesOf(logits, labels)
  test('ECE of 15 and 10 equal bins, and of equal mass, which is another number', () => {
    expect(expectedCalibrationError(confidences)).toBeCloseTo(0.2010497853810145, 12)
    expect(expectedCalibrationError(confidences, 10)).toBeCloseTo(0.1962340358941458, 12)
    expect(equalMassCalibrationError(confidences)).toBeCloseTo(0.19623403589414581, 12)
    expect(equalMassCalibrationError(confidences)).not.toBeCloseTo(expectedCalibrationError(confidences), 3)
  })
  test('Brier, negative log-likelihood, temperature', () => {
    const mean = (of: (p: Float64Array, label: number) => number) =>
      logits.reduce((sum, row, i) => sum + of(softmax(row), labels[i]!), 0) / logits.length
    expect(mean(brierScore)).toBeCloseTo(0.4961907824892392, 12)
    expect(mean(logLoss)).toBeCloseTo(0.8837456829936735, 12)
    const best = bestTemperature(logits, labels)
    expect(best.temperature).toBeCloseTo(1.6111918681378614, 6)
    expect(best.nll).toBeCloseTo(0.8304286889891261, 12)
    expect(expectedCalibrationError(confidencesOf(logits, labels, best.temperature))).toBeCloseTo(0.2023912295619461, 6)
  })
  test('probabilities that are rounded to 8 bits are still probabilities', () => {
    const of = (scores: readonly Float64Array[]) => {
      const from = { logits: 'y', features: null }
      const found = calibrationOf([{ scores, features: null, labels, from }], { alpha: 0.05, seed: 0 })
      return typeof found === 'string' ? found : found[0]!.brier
    }
    const exact = logits.map((row) => softmax(row))
    expect(of(exact)).toBeCloseTo(0.4961907824892392, 9)
    const rounded = exact.map((row) => row.map((value) => Math.floor(256 * value) / 256))
    expect(of(rounded)).toBeCloseTo(0.4961907824892392, 2)
  })
  test('EL2N of the first rows, area under the risk-coverage curve', () => {
    const expected = [
      0.09685891262412659, 1.1832101647992812, 0.6948198149781163, 0.6239789743298164, 0.24000040687831303,
    ]
    for (const [i, value] of expected.entries()) expect(el2n(softmax(logits[i]!), labels[i]!)).toBeCloseTo(value, 12)
    expect(riskCoverageArea(confidences)).toBeCloseTo(0.37108683681074817, 12)
    // A constant confidence: the plain error, whatever the order of the rows.
    for (const right of [
      [true, false, false, true],
      [false, true, true, false],
    ])
      expect(riskCoverageArea({ confidence: [0.6, 0.6, 0.6, 0.6], right })).toBeCloseTo(0.5, 12)
  })
  test('a confidence on the border of two bins belongs to the lower one', () => {
    const rows = { confidence: [0.2, 0.2, 1], right: [true, false, true] }
    expect(expectedCalibrationError(rows, 5)).toBeCloseTo((2 / 3) * 0.3, 12)
  })
  test('no rows, only right answers', () => {
    expect(expectedCalibrationError({ confidence: [], right: [] })).toBeNaN()
    expect(riskCoverageArea({ confidence: [], right: [] })).toBeNaN()
    // Beyond this the likelihood is 1 to the last digit.
    expect(
      bestTemperature(
        [
          [2, 0],
          [3, 1],
        ],
        [0, 0],
      ).temperature,
    ).toBeLessThan(0.1)
  })
})

describe('out of distribution', () => {
  const fitMahalanobis = mahalanobis(logits, labels)
  // A fitted row is its own nearest.
  const [amongOthers, amongAll] = [nearestNeighbour(logits, 6), nearestNeighbour(logits, 5)]
  const scores = {
    msp: [...logits.map(maximumSoftmax), ...strangers.map(maximumSoftmax)],
    maxlogit: [...logits, ...strangers].map((row) => -Math.max(...row)),
    energy: [...logits, ...strangers].map((row) => energy(row)),
    mahalanobis: [...logits, ...strangers].map(fitMahalanobis),
    neighbours: [...logits.map(amongOthers), ...strangers.map(amongAll)],
  }
  const isOut = Array.from({ length: 300 }, (_, i) => i >= 200)
  test.each([
    ['msp', 0.7812, 0.56, 0.73, 0.6019188939964456],
    ['maxlogit', 0.77885, 0.38, 0.93, 0.5090756362851058],
    ['energy', 0.7368, 0.455, 1, 0.45768264991740004],
    ['mahalanobis', 0.112, 0.985, 1, 0.20319040348596587],
    ['neighbours', 0.49825, 0.98, 0.96, 0.34128721539129714],
  ] as const)('%s: AUROC, AUPR, and FPR95 by both conventions', (name, area, oodPositive, idPositive, aupr) => {
    expect(auroc(levelsOf(scores[name], isOut))).toBeCloseTo(area, 12)
    expect(falsePositiveRate(levelsOf(scores[name], isOut))).toBeCloseTo(oodPositive, 12)
    const sure = scores[name].map((value) => -value)
    expect(
      falsePositiveRate(
        levelsOf(
          sure,
          isOut.map((out) => !out),
        ),
      ),
    ).toBeCloseTo(idPositive, 12)
    expect(averagePrecision(levelsOf(scores[name], isOut))).toBeCloseTo(aupr, 12)
  })
  test('the paired difference is the difference of the areas', () => {
    const paired = delongPaired({ a: scores.msp, b: scores.energy, positive: isOut })
    expect(paired.difference).toBeCloseTo(0.7368 - 0.7812, 12)
  })
  test('dead features do not stop Mahalanobis', () => {
    const padded = logits.map((row) => Float64Array.from([...row, 0, 7]))
    const distance = mahalanobis(padded, labels)
    expect(distance(padded[0]!)).toBeCloseTo(fitMahalanobis(logits[0]!), 4)
    expect(distance(Float64Array.from([...logits[0]!, 1, 7]))).toBeGreaterThan(1e4)
  })
})
